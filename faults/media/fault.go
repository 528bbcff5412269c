package media

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/holdfast-ha/holdfast/faults/faultfs"
)

// FileSystem is what a media fault needs of the fault file system; faultfs.Client is one.
type FileSystem interface {
	Add(ctx context.Context, r faultfs.Rule) (id string, err error)
	Clear(ctx context.Context, id string) (faultfs.RuleStatus, error)
	Status(ctx context.Context) (faultfs.Status, error)
	Probe(ctx context.Context, p faultfs.Probe) (faultfs.ProbeResult, error)
}

const (
	// holdProof is how long an own request must have been held to prove a hang. A request that is not held passes the gate
	// in microseconds.
	holdProof = 250 * time.Millisecond
	// slack is how long past its time an own request may take before the file system is called stuck.
	slack = 5 * time.Second
	// pollEvery is the interval of looking at the file system's counts.
	pollEvery = 20 * time.Millisecond
)

// Fault is a hang, a latency or an error of the medium. It implements lifecycle.Fault.
type Fault struct {
	o    Options
	rule faultfs.Rule
	last *faultfs.RuleStatus // the rule's status when it was cleared; nil before

	proven  bool // it was in effect
	healing bool // Heal was tried
	early   bool // it was proven, and was gone before anybody healed it
}

// New returns the fault that the options describe, or an error that names the option that is wrong.
func New(o Options) (*Fault, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	f := &Fault{o: o, rule: o.rule()}
	// The rule's name is made here and not by the server, so that a rule whose Add was never answered can still be cleared.
	var b [4]byte
	_, _ = rand.Read(b[:])
	f.rule.ID = "media-" + hex.EncodeToString(b[:])
	return f, nil
}

// String prints the scenario's words.
func (f *Fault) String() string { return f.o.String() }

// Setup checks that the fault file system answers and that a request of the fault's own passes.
func (f *Fault) Setup(ctx context.Context) error {
	p, err := f.probe(ctx, slack)
	if err != nil {
		return err
	}
	if !p.Passed {
		return fmt.Errorf("the medium %s already, by %v: heal that fault first", hangsOrFails(p), p.HeldBy)
	}
	return nil
}

func hangsOrFails(p faultfs.ProbeResult) string {
	if p.Errno != "" {
		return "fails"
	}
	return "hangs"
}

// Inject adds the rule.
func (f *Fault) Inject(ctx context.Context) error {
	_, err := f.o.FileSystem.Add(ctx, f.rule)
	return err
}

// Prove sends a request of the fault's own through the gate and wants it held (hang), delayed by at least By (latency) or refused with
// Error. The
// proof tells what the rule has done to others so far. With AwaitOthers there must be such another request as well.
func (f *Fault) Prove(ctx context.Context) (string, error) {
	wait := holdProof
	switch {
	case f.o.Error != "":
		wait = slack
	case f.o.By != 0:
		wait = f.o.By + slack
	}
	p, err := f.probe(ctx, wait)
	if err != nil {
		return "", err
	}
	own, err := f.judge(p)
	if err != nil {
		return "", err
	}
	s, err := f.counts(ctx)
	if err != nil {
		return "", err
	}
	f.proven = true
	return fmt.Sprintf("rule %s: %s; %s", f.rule.ID, own, tell(s)), nil
}

// judge says whether the own request met with what the rule promises.
func (f *Fault) judge(p faultfs.ProbeResult) (string, error) {
	waited := time.Duration(p.WaitedMS * float64(time.Millisecond))
	switch {
	case f.o.Error != "" && p.Errno == f.o.Error && slices.Contains(p.HeldBy, f.rule.ID):
		return fmt.Sprintf("an own %s request failed with %s", f.probeOp(), p.Errno), nil
	case f.o.Error != "":
		return "", fmt.Errorf("not in effect: an own %s request was not failed with %s by rule %s (passed: %v, error %q)", f.probeOp(), f.o.Error, f.rule.ID, p.Passed, p.Errno)
	case p.Errno != "":
		return "", fmt.Errorf("not proven: another fault (%v) failed an own %s request with %s", p.HeldBy, f.probeOp(), p.Errno)
	case !slices.Contains(p.HeldBy, f.rule.ID):
		return "", fmt.Errorf("not in effect: an own %s request was not held by rule %s (passed: %v, after %s)", f.probeOp(), f.rule.ID, p.Passed, waited.Round(time.Microsecond))
	case f.o.By == 0 && p.Passed:
		return "", fmt.Errorf("not in effect: an own %s request was let go after %s", f.probeOp(), waited)
	case f.o.By == 0:
		return fmt.Sprintf("an own %s request was held for all of its %s", f.probeOp(), waited.Round(time.Millisecond)), nil
	case !p.Passed:
		return "", fmt.Errorf("more than asked for: an own %s request was still held after %s, want a delay of %s (held by %v)", f.probeOp(), waited, f.o.By, p.HeldBy)
	case waited < f.o.By:
		return "", fmt.Errorf("not in effect: an own %s request was delayed by %s, want %s", f.probeOp(), waited, f.o.By)
	}
	return fmt.Sprintf("an own %s request was delayed by %s, asked for %s", f.probeOp(), waited.Round(time.Millisecond), f.o.By), nil
}

// counts returns the rule's status; with AwaitOthers, the first one that shows a request of others.
func (f *Fault) counts(ctx context.Context) (faultfs.RuleStatus, error) {
	for {
		s, found, err := f.status(ctx)
		switch {
		case err != nil:
			return s, err
		case !found:
			return s, fmt.Errorf("not in effect: the file system has no rule %s", f.rule.ID)
		case !f.o.AwaitOthers || s.HeldTotal+s.DelayedTotal+s.FailedTotal > 0:
			return s, nil
		}
		select {
		case <-ctx.Done():
			return s, fmt.Errorf("no request of others met the fault: %w", context.Cause(ctx))
		case <-time.After(pollEvery):
		}
	}
}

// Heal clears the rule, which lets go of everything that it holds. A proven rule that is gone already (the file system was
// started anew, somebody else cleared it) did not last as long as the scenario says; ProveGone reports that.
func (f *Fault) Heal(ctx context.Context) error {
	first := !f.healing
	f.healing = true
	s, err := f.o.FileSystem.Clear(ctx, f.rule.ID)
	switch {
	case err == nil:
		f.last = &s
	case errors.Is(err, faultfs.ErrNoRule): // healed before, never injected, or gone by itself
		f.early = f.early || first && f.proven
	default:
		return err
	}
	return nil
}

// ProveGone wants no rule left of this fault, nothing held by it, and a request of its own that passes unhindered by it. A fault
// that had ended before it was healed is an error: from some time on the run was measured without it.
func (f *Fault) ProveGone(ctx context.Context) (string, error) {
	if f.early {
		return "", fmt.Errorf("rule %s was gone before it was healed: the fault was not in effect all the time", f.rule.ID)
	}
	s, found, err := f.status(ctx)
	if err != nil {
		return "", err
	}
	if found {
		return "", fmt.Errorf("rule %s is still there and holds %d requests", f.rule.ID, s.Held)
	}
	p, err := f.probe(ctx, slack)
	switch {
	case err != nil:
		return "", err
	case p.Errno != "":
		return "", fmt.Errorf("an own %s request failed with %s, by %v", f.probeOp(), p.Errno, p.HeldBy)
	case slices.Contains(p.HeldBy, f.rule.ID):
		return "", fmt.Errorf("an own %s request was held by rule %s", f.probeOp(), f.rule.ID)
	case !p.Passed:
		return "", fmt.Errorf("an own %s request did not pass within %s; held by %v", f.probeOp(), slack, p.HeldBy)
	}
	proof := fmt.Sprintf("rule %s is gone, it holds nothing, and an own %s request passed in %.2f ms", f.rule.ID, f.probeOp(), p.WaitedMS)
	if f.last != nil {
		proof += "; while it lasted: " + tell(*f.last)
	}
	return proof, nil
}

// Cleanup has nothing to remove: Setup makes nothing.
func (f *Fault) Cleanup(context.Context) error { return nil }

// Effect returns what the rule had done to others when it was cleared, and false before that.
func (f *Fault) Effect() (faultfs.RuleStatus, bool) {
	if f.last == nil {
		return faultfs.RuleStatus{}, false
	}
	return *f.last, true
}

// status finds the fault's rule among those of the file system.
func (f *Fault) status(ctx context.Context) (faultfs.RuleStatus, bool, error) {
	s, err := f.o.FileSystem.Status(ctx)
	if err != nil {
		return faultfs.RuleStatus{}, false, err
	}
	for _, r := range s.Rules {
		if r.ID == f.rule.ID {
			return r, true, nil
		}
	}
	return faultfs.RuleStatus{}, false, nil
}

// probe sends a request of the fault's own, in the middle of what the rule selects.
func (f *Fault) probe(ctx context.Context, wait time.Duration) (faultfs.ProbeResult, error) {
	return f.o.FileSystem.Probe(ctx, faultfs.Probe{
		Op: f.probeOp(), Via: f.o.Host, File: f.o.File, Offset: f.rule.OffsetFrom, TimeoutMS: float64(wait) / float64(time.Millisecond),
	})
}

// probeOp is the operation of own requests. (A probe never writes, whatever its operation.)
func (f *Fault) probeOp() faultfs.Op {
	if len(f.rule.Ops) > 0 {
		return f.rule.Ops[0]
	}
	return faultfs.OpWrite
}

// tell says in words what a rule has done to requests of others.
func tell(s faultfs.RuleStatus) string {
	switch {
	case s.Kind == faultfs.Fail:
		return fmt.Sprintf("requests of others failed with %s: %d of the %d that matched", s.Error, s.FailedTotal, s.Matched)
	case s.Kind == faultfs.Latency && s.DelayedTotal > 0 && s.WorstDelayMS == 0:
		return fmt.Sprintf("requests of others delayed: %d, none of them to its end so far", s.DelayedTotal)
	case s.Kind == faultfs.Latency:
		return fmt.Sprintf("requests of others delayed: %d (shortest %.1f ms, longest %.1f ms)", s.DelayedTotal, s.LeastDelayMS, s.WorstDelayMS)
	}
	return fmt.Sprintf("requests of others held: %d at that moment, %d in total, the oldest for %.1f s", s.Held, s.HeldTotal, s.OldestHeld)
}
