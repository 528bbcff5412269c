package shell

import (
	"context"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/broker"
	"github.com/holdfast-ha/holdfast/daemons/config"
	"github.com/holdfast-ha/holdfast/daemons/domain"
	"github.com/holdfast-ha/holdfast/daemons/lane"
)

// newDomainMonitor returns what watches the storage domain: VDSM where it is there, else the broker itself.
func newDomainMonitor(s *shell) domain.Monitor {
	cfg := s.Config
	if s.Domain != nil {
		return s.Domain
	}
	if s.VDSM != nil && cfg.SDUUID != "" && cfg.Storage.Driver != "" && cfg.Storage.Driver != config.DriverPath && cfg.Storage.Driver != config.DriverUserspace {
		return domain.NewVDSM(domain.VDSMOptions{Host: s.VDSM, SDUUID: cfg.SDUUID})
	}
	return domain.NewDirect(domain.DirectOptions{
		Where: func() (metadata, ids string) {
			v := s.volumes.Load()
			if v == nil {
				return "", ""
			}
			if v.Domain == "" { // upstream's monitor knows the domain; where only the volumes are given, one of them is the next best thing
				return v.Whiteboard, v.DomainIDs
			}
			return v.Domain, v.DomainIDs
		},
		SDUUID: cfg.SDUUID, Locks: s.Sanlock, IOTimeout: cfg.IOTimeout,
	})
}

// domainLane watches the storage domain.
type domainLane struct {
	*lane.Lane
	monitor domain.Monitor
	ended   broker.DomainDone // belongs to the lane's thread
	// within bounds one operation. It does not end with the broker's own context.
	within func() (context.Context, context.CancelFunc)
}

func newDomainLane(ctx context.Context, monitor domain.Monitor, limit time.Duration, in *inbox) *domainLane {
	d := &domainLane{monitor: monitor}
	d.within = func() (context.Context, context.CancelFunc) {
		return context.WithTimeout(context.WithoutCancel(ctx), limit)
	}
	d.Lane = lane.New(broker.DomainLane, func(done lane.Done) {
		ended := d.ended
		ended.Err, ended.Started, ended.Ended = done.Err, done.Started, done.Ended
		in.push(ended)
	})
	return d
}

// run starts an operation; false if the lane is busy or closed.
func (d *domainLane) run(e broker.StartDomain) bool {
	op := lane.OpRead
	if e.Op != broker.DomainCheck {
		op = lane.OpLeaseJoin
	}
	if e.Op == broker.DomainStop {
		op = lane.OpLeaseLeave
	}
	return d.Start(lane.Request{Op: op, Segment: lane.NoSegment, Run: func() error {
		d.ended = broker.DomainDone{Op: e.Op}
		ctx, cancel := d.within()
		defer cancel()
		facts, err := do(ctx, d.monitor, e)
		d.ended.Facts = broker.DomainFacts{Valid: facts.Valid, Delay: facts.Delay, Acquired: facts.Acquired, Detail: facts.Detail}
		return err
	}})
}

func do(ctx context.Context, monitor domain.Monitor, e broker.StartDomain) (domain.Facts, error) {
	switch e.Op {
	case broker.DomainStart:
		if err := monitor.Start(ctx, e.HostID); err != nil {
			return domain.Facts{}, err
		}
	case broker.DomainStop:
		return domain.Facts{}, monitor.Stop(ctx)
	case broker.DomainCheck:
	}
	return monitor.Check(ctx)
}
