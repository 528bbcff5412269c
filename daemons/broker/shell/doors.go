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
	broker, ops *door.Socket
	served      chan error // capacity 1: the RPC server has ended
	opsServed   chan struct{}
}

// openDoors makes the sockets, or takes those that the service manager made.
func (s *shell) openDoors(ctx context.Context) (*doors, error) {
	cfg := s.Config
	d := &doors{served: make(chan error, 1), opsServed: make(chan struct{})}
	var err error
	if d.broker, err = s.open(ctx, s.BrokerListener, door.Look{
		Key: "broker_socket", Path: cfg.BrokerSocket, Mode: cfg.SocketMode, Owner: cfg.SocketOwner,
	}); err != nil {
		return nil, err
	}
	if d.ops, err = s.open(ctx, s.OpsListener, door.Look{
		Key: "ops_socket", Path: cfg.OpsSocket, Mode: cfg.OpsMode, Owner: cfg.SocketOwner,
	}); err != nil {
		return nil, errors.Join(err, d.broker.Remove(), d.broker.Close())
	}
	return d, nil
}

func (s *shell) open(ctx context.Context, given net.Listener, look door.Look) (*door.Socket, error) {
	if given != nil {
		return door.Given(given), nil
	}
	socket, remarks, err := door.Listen(ctx, look)
	s.remark(remarks)
	return socket, err
}

// serve begins to serve at both. A broker that has lost its RPC socket ends; without the one for operations it goes on.
func (d *doors) serve(s *shell) {
	go func() {
		err := s.server.Serve(d.broker)
		if err == nil {
			err = net.ErrClosed
		}
		d.served <- err
	}()
	go func() {
		defer close(d.opsServed)
		strangers := func(err error) { s.Log.Warn("ops", "error", err.Error()) }
		if err := s.ops.Serve(s.guests.Listener(d.ops, strangers)); err != nil {
			s.Log.Error("operations socket lost", "error", err.Error())
		}
	}()
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
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.Config.Timing.ShutdownGrace/10)
	defer cancel()
	removeErr := errors.Join(d.broker.Remove(), d.ops.Remove())
	if err := s.server.Shutdown(ctx); err != nil {
		s.Log.Warn("clients cut off", "error", err.Error())
	}
	if err := s.ops.Shutdown(ctx); err != nil {
		s.Log.Warn("clients cut off", "error", err.Error())
	}
	<-d.opsServed // both listeners are closed by now
	if removeErr != nil {
		return fmt.Errorf("remove sockets: %w", removeErr)
	}
	return nil
}
