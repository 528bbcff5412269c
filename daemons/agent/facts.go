package agent

import (
	"fmt"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/daemons/config"
	"github.com/holdfast-ha/holdfast/daemons/whiteboard"
)

// facts are what the core was told, each with its time, and what went wrong when it was asked for.
type facts struct {
	cluster Cluster
	history History
	// unheardAt is the last turn at which no record of this host had lately been on storage; 0 never.
	unheardAt clock.Mono
	// globalMaintenance is the last readable value of the global flag.
	globalMaintenance bool
	localMaintenance  bool
	health, domain    result
	// putTook is how long the last successful publication took; negative before the first.
	putTook time.Duration
	// The last failure of each call; empty after a success.
	viewFailure, lockFailure, putFailure, localFailure string
}

// view takes in an answer about the cluster.
func (f *facts) view(hostID int, now clock.Mono, a ViewAnswer, t config.Timing) {
	f.viewFailure = a.Failure
	if a.Failure != "" {
		return
	}
	next := readCluster(hostID, a.Sent, now, a.View)
	if next.Global.Known {
		f.globalMaintenance = next.Global.Maintenance
	}
	if next.ObservedAt == 0 {
		// A broker that has just started has read nothing yet. What the one before it saw is still true for its age.
		next.ObservedAt, next.Peers, next.Ignored = f.cluster.ObservedAt, f.cluster.Peers, f.cluster.Ignored
		f.cluster = next
		return
	}
	f.cluster = next
	f.history = f.history.add(next, t.ViewLimit, t.StatsHistory)
}

// viewAge is the age of what is known about the cluster. ok is false if nothing ever was.
func (f *facts) viewAge(now clock.Mono) (age time.Duration, ok bool) {
	if f.cluster.ObservedAt == 0 {
		return 0, false
	}
	return max(now.Sub(f.cluster.ObservedAt), 0), true
}

// blind says that the cluster's state is not known.
func (f *facts) blind(now clock.Mono, limit time.Duration) bool {
	age, ok := f.viewAge(now)
	return !ok || age > limit
}

// leaseHeld says that sanlock has lately confirmed this host's host id lease.
func (f *facts) leaseHeld(hostID int, now clock.Mono, limit time.Duration) bool {
	c := &f.cluster
	return c.Lease.State == LeaseHeld && c.Lease.HostID == hostID && c.ConfirmedAt != 0 && now.Sub(c.ConfirmedAt) <= limit
}

// heard says that this host's record has lately been on storage. If not, its peers take it for dead, and their silence
// may have the same cause.
func (f *facts) heard(now clock.Mono, limit time.Duration) bool {
	return f.cluster.DurableAt != 0 && now.Sub(f.cluster.DurableAt) <= limit
}

// listen notes at each turn whether this host is heard.
func (f *facts) listen(now clock.Mono, limit time.Duration) {
	if !f.heard(now, limit) {
		f.unheardAt = now
	}
}

// watched says that the cluster was watched for longer than window without a gap, while this host could make itself heard:
// only then is silence a sign of death.
func (f *facts) watched(now clock.Mono, window time.Duration) bool {
	_, ok := f.history.reference(window)
	return ok && (f.unheardAt == 0 || now.Sub(f.unheardAt) > window)
}

func (f *facts) heardTrouble(now clock.Mono) string {
	if f.cluster.DurableAt == 0 {
		return "no record of this host is known to be on storage"
	}
	return fmt.Sprintf("the last record of this host on storage is %.1f s old", now.Sub(f.cluster.DurableAt).Seconds())
}

// result is the last result of a submonitor.
type result struct {
	text string
	// at is when it was asked for; 0 before the first.
	at clock.Mono
	// restarted is when the submonitor was last started anew; 0 never.
	restarted clock.Mono
	failure   string
}

// take takes in an answer. usable tells whether a text says something. A submonitor that was just started anew, because
// the broker was, has nothing to say for a while; the result from before then counts until it is too old, so that a
// restart of the broker does not look like the loss of the engine.
func (r *result) take(now clock.Mono, a MonitorAnswer, keep time.Duration) {
	if a.Restarted {
		r.restarted = now
	}
	r.failure = a.Failure
	if a.Failure != "" {
		return
	}
	starting := r.restarted != 0 && now.Sub(r.restarted) <= keep
	if starting && r.at != 0 && !a.Monitor.Usable(a.Text) {
		return
	}
	r.text, r.at = a.Text, a.Sent
}

// fresh returns the result unless it is older than keep (S24).
func (r *result) fresh(now clock.Mono, keep time.Duration) (text string, ok bool) {
	if r.at == 0 || now.Sub(r.at) > keep {
		return "", false
	}
	return r.text, true
}

// localEngine is the engine VM on this host. It is total: whatever the submonitor says, it is a status that can be ranked.
func (f *facts) localEngine(now clock.Mono, keep time.Duration) whiteboard.EngineStatus {
	text, ok := f.health.fresh(now, keep)
	if !ok {
		return whiteboard.UnknownEngineStatus("no result of engine-health")
	}
	status, err := whiteboard.ParseEngineStatus(text)
	if err != nil {
		return whiteboard.UnknownEngineStatus("no usable result of engine-health")
	}
	return presentable(status)
}

// Usable tells whether a submonitor's text says something; otherwise it has no result yet or not any more.
func (m Monitor) Usable(text string) bool {
	switch m {
	case EngineHealth:
		return usableHealth(text)
	case StorageDomain:
		return usableDomain(text)
	default:
		return false
	}
}

func usableHealth(text string) bool {
	status, err := whiteboard.ParseEngineStatus(text)
	return err == nil && status.VM != vmUnknown
}

// domainValid says whether the storage domain is valid: only the text True means so (S10).
func (f *facts) domainValid(now clock.Mono, keep time.Duration) bool {
	text, ok := f.domain.fresh(now, keep)
	return ok && text == "True"
}

func usableDomain(text string) bool { return text == "True" || text == "False" }

// troubles lists what is wrong around the agent, for operators.
func (f *facts) troubles(hostID int, now clock.Mono, t config.Timing) []string {
	var all []string
	say := func(when bool, format string, args ...any) {
		if when {
			all = append(all, fmt.Sprintf(format, args...))
		}
	}
	age, ok := f.viewAge(now)
	say(!ok, "the whiteboard has not been read yet")
	say(ok && age > t.ViewLimit, "the view of the cluster is %.1f s old (limit %.1f s)", age.Seconds(), t.ViewLimit.Seconds())
	say(f.viewFailure != "", "no view: %s", f.viewFailure)
	say(f.cluster.Missing != "", "storage: %s", f.cluster.Missing)
	say(!f.leaseHeld(hostID, now, t.ViewLimit), "%s", f.leaseTrouble(hostID))
	// A broker that answers nothing needs to be named once.
	answers := f.viewFailure == ""
	say(answers && f.lockFailure != "", "lock_host_id: %s", f.lockFailure)
	say(!f.heard(now, t.ViewLimit), "%s", f.heardTrouble(now))
	say(f.cluster.Global.Failure != "", "%s", f.cluster.Global.Failure)
	say(answers && f.health.failure != "", "engine-health: %s", f.health.failure)
	say(answers && f.domain.failure != "", "storage-domain: %s", f.domain.failure)
	say(f.domain.failure == "" && !f.domainValid(now, t.ResultMaxAge), "%s", f.domainTrouble(now, t.ResultMaxAge))
	say(answers && f.putFailure != "", "not published: %s", f.putFailure)
	say(f.localFailure != "", "local maintenance: %s", f.localFailure)
	const enough = 3
	for i, ignored := range f.cluster.Ignored {
		if i == enough {
			say(true, "%d more hosts ignored", len(f.cluster.Ignored)-enough)
			break
		}
		say(true, "%s", ignored)
	}
	return all
}

func (f *facts) leaseTrouble(hostID int) string {
	lease := f.cluster.Lease
	switch {
	case lease.State == "":
		return "the state of the host id lease is not known"
	case lease.State == LeaseHeld && lease.HostID != hostID:
		return fmt.Sprintf("the broker holds host id %d, not %d", lease.HostID, hostID)
	case lease.State == LeaseHeld:
		return "the host id lease has not been confirmed lately"
	case lease.Detail != "":
		return fmt.Sprintf("the host id lease is %s: %s", lease.State, lease.Detail)
	default:
		return "the host id lease is " + lease.State
	}
}

func (f *facts) domainTrouble(now clock.Mono, keep time.Duration) string {
	text, ok := f.domain.fresh(now, keep)
	if !ok {
		return "storage-domain has no result"
	}
	return fmt.Sprintf("storage-domain says %q", plainText(text, longestDetail))
}
