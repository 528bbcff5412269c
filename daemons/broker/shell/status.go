package shell

import (
	"context"

	"github.com/holdfast-ha/holdfast/daemons/broker"
	"github.com/holdfast-ha/holdfast/daemons/brokerlink"
	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/daemons/xmlrpc"
)

// getStatus: -> everything about the broker that is not the whiteboard.
func (s *shell) getStatus(_ context.Context, args []any) (any, error) {
	if err := xmlrpc.Count(args, 0); err != nil {
		return nil, err
	}
	return s.status().Value(), nil
}

// status is put together from the last snapshot and from what the rooms keep in memory.
func (s *shell) status() brokerlink.Status {
	now := clock.Now()
	snap := s.snapshot.Load()
	room, mail := s.room.State(), s.courier.State()
	status := brokerlink.Status{
		Now: now.Seconds(), Version: s.Version, HostID: s.Config.HostID, Uptime: now.Sub(s.started).Seconds(),
		Mount: s.mountView(now, snap),
		Domain: brokerlink.DomainView{
			State: snap.Domain.State, HostID: snap.Domain.HostID, Valid: snap.Domain.Valid, Delay: snap.Domain.Delay.Seconds(),
			Age: age(now, snap.Domain.CheckedAt), Acquired: snap.Domain.Acquired, Detail: snap.Domain.Detail,
		},
		Lease:    leaseView(now, snap),
		Monitors: []brokerlink.MonitorView{},
		OVF:      brokerlink.OVFView{Enabled: s.ovfWanted(), Age: age(now, room.LastSuccess), Problem: room.Problem},
		Archive: brokerlink.ArchiveView{
			Enabled: s.archiveKnown(), Age: age(now, room.Archive.ReadAt), Valid: room.Archive.Valid, Problem: room.Archive.Problem,
		},
		Notify: brokerlink.NotifyView{
			Queued: mail.Queued, Sent: mail.Sent, Dropped: mail.Dropped, Problem: mail.Problem, Since: mail.Since.Seconds(),
		},
	}
	for _, r := range s.monitors.Results() {
		status.Monitors = append(status.Monitors, brokerlink.MonitorView{Type: r.Type, Text: r.Text, Age: age(now, r.At), Problem: r.Problem})
	}
	return status
}

func (s *shell) mountView(now clock.Mono, snap *broker.Snapshot) brokerlink.MountView {
	m, r := snap.Mount, snap.Reader
	return brokerlink.MountView{
		State: m.State, Since: m.Since.Seconds(), Detail: m.Detail, Failures: m.Failures, Driver: s.mount.driver.Describe(),
		Whiteboard: m.Ready.Whiteboard, Lockspace: m.Ready.Lockspace, Configuration: m.Ready.Configuration, Domain: m.Ready.Domain,
		Sector:  m.Ready.Sector,
		ReadAge: age(now, r.LastAt), ReadProblem: r.Problem, ReadBytes: int(r.Bytes), ReadTook: r.Took.Seconds(),
	}
}

func leaseView(now clock.Mono, snap *broker.Snapshot) brokerlink.LeaseView {
	return brokerlink.LeaseView{
		State: snap.Lease.State.String(), HostID: snap.Lease.HostID, Since: snap.Lease.Since.Seconds(),
		Age: age(now, snap.Lease.ConfirmedAt), Detail: snap.Lease.Detail,
	}
}

// archiveKnown: there is a shared configuration volume to read.
func (s *shell) archiveKnown() bool {
	v := s.volumes.Load()
	return v != nil && v.Configuration != ""
}
