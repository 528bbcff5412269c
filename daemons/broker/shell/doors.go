package shell

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/holdfast-ha/holdfast/daemons/broker/shell/door"
	"github.com/holdfast-ha/holdfast/daemons/ops"
)

// doors are the broker's two sockets.
type doors struct {
	broker *door.Socket
	served chan error // capacity 1: the RPC server has ended
	ops    *door.Socket
	side   sideDoor
}

// openDoors makes the sockets, or takes those that the service manager made.
func (s *shell) openDoors(ctx context.Context) (*doors, error) {
	cfg := s.Config
	d := &doors{served: make(chan error, 1)}
	var err error
	if d.broker, err = s.open(ctx, s.BrokerListener, door.Look{
		Key: "broker_socket", Path: cfg.BrokerSocket, Mode: cfg.SocketMode, Owner: cfg.SocketOwner,
	}); err != nil {
		return nil, err
	}
	if d.ops, err = s.openOps(ctx); err != nil {
		return nil, errors.Join(err, d.broker.Remove(), d.broker.Close())
	}
	return d, nil
}

func (s *shell) openOps(ctx context.Context) (*door.Socket, error) {
	cfg := s.Config
	return s.open(ctx, s.OpsListener, door.Look{Key: "ops_socket", Path: cfg.OpsSocket, Mode: cfg.OpsMode, Owner: cfg.SocketOwner})
}

func (s *shell) open(ctx context.Context, given net.Listener, look door.Look) (*door.Socket, error) {
	if given != nil {
		return door.Given(given), nil
	}
	socket, remarks, err := door.Listen(ctx, look)
	s.remark(remarks)
	return socket, err
}

// serve begins to serve at both. A broker that has lost its RPC socket ends; the one for operations is made anew.
func (d *doors) serve(ctx context.Context, s *shell) {
	go func() {
		err := s.server.Serve(d.broker)
		if err == nil {
			err = net.ErrClosed
		}
		d.served <- err
	}()
	d.side.keep(ctx, s, &d.ops)
}

// newOps makes the server of the operations API.
func (s *shell) newOps() *ops.Server {
	t := s.Config.Timing
	options := ops.Options{Source: source{s}, ReadTimeout: t.RPCTimeout, WriteTimeout: t.RPCTimeout}
	if s.metrics != nil {
		options.Metrics = s.metrics.Handler()
	}
	return ops.New(options)
}

// hangUp ends the servers and takes the sockets' names away.
func (s *shell) hangUp(ctx context.Context, d *doors) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), share(s.Config.Timing.ShutdownGrace, hangUpShare))
	defer cancel()
	d.side.leave()
	removeErr := errors.Join(d.broker.Remove(), d.ops.Remove())
	if err := s.server.Shutdown(ctx); err != nil {
		s.Log.Warn("clients cut off", "error", err.Error())
	}
	if err := s.ops.Shutdown(ctx); err != nil {
		s.Log.Warn("clients cut off", "error", err.Error())
	}
	d.side.serving.Wait() // its listeners are closed by now
	if removeErr != nil {
		return fmt.Errorf("remove sockets: %w", removeErr)
	}
	return nil
}
