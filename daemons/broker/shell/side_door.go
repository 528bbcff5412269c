package shell

import (
	"context"
	"sync"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/broker/shell/door"
)

// sideDoor keeps the operations API reachable: a socket whose name was removed, or whose listener failed, is made anew. The
// broker does not end for it, as it does for the RPC socket, because no agent depends on it.
type sideDoor struct {
	quit    context.CancelFunc
	left    chan struct{}  // closed when nobody makes sockets any more
	serving sync.WaitGroup // until the server is shut down
}

// sideDoorPeriod is how often the socket is looked for.
const sideDoorPeriod = time.Second

// keep begins. *socket is the newest one; it belongs to the keeper until leave.
func (d *sideDoor) keep(ctx context.Context, s *shell, socket **door.Socket) {
	ctx, d.quit = context.WithCancel(context.WithoutCancel(ctx))
	d.left = make(chan struct{})
	failed := d.serve(s, *socket)
	go func() {
		defer close(d.left)
		look := time.NewTicker(sideDoorPeriod)
		defer look.Stop()
		for {
			var lost error
			select {
			case <-ctx.Done():
				return
			case lost = <-failed:
			case <-look.C:
				lost = (*socket).Lost()
			}
			if lost == nil {
				continue
			}
			s.Log.Error("operations socket lost", "error", lost.Error())
			if s.OpsListener != nil {
				return // the service manager's; it hands it over again after a restart
			}
			fresh := d.again(ctx, s)
			if fresh == nil {
				return
			}
			_ = (*socket).Close() // nobody finds it any more; its connections go on
			*socket, failed = fresh, d.serve(s, fresh)
			s.Log.Info("operations socket made anew", "socket", fresh.Path())
		}
	}()
}

// again makes a socket, as often as it takes; nil when the broker ends.
func (d *sideDoor) again(ctx context.Context, s *shell) *door.Socket {
	for complained := false; ; {
		socket, err := s.openOps(ctx)
		if err == nil {
			return socket
		}
		if !complained {
			complained = true
			s.Log.Error("operations socket cannot be made; it is tried again every second", "error", err.Error())
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(sideDoorPeriod):
		}
	}
}

// serve serves at a socket and returns where to hear that this failed.
func (d *sideDoor) serve(s *shell, socket *door.Socket) (failed <-chan error) {
	over := make(chan error, 1)
	strangers := func(err error) { s.Log.Warn("ops", "error", err.Error()) }
	d.serving.Go(func() {
		if err := s.ops.Serve(s.guests.Listener(socket, strangers)); err != nil {
			over <- err
		}
	})
	return over
}

// leave ends the keeping; the server goes on.
func (d *sideDoor) leave() {
	d.quit()
	<-d.left
}
