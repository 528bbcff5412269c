package scenario

import (
	"fmt"
	"slices"

	"github.com/holdfast-ha/holdfast/daemons/health"
)

// Check looks at what single lines cannot show: hosts that the cluster does not have, faults that its storage cannot have,
// heals without a fault, bounds that contradict each other. A mistake comes back as Errors.
func Check(s *Scenario) error {
	c := &checking{scenario: s, absent: map[place]Statement{}}
	for _, statement := range s.Statements {
		c.statement(statement)
	}
	if len(c.errors) == 0 {
		return nil
	}
	return c.errors[:min(len(c.errors), maxErrors)]
}

// checking is the state of Check between two statements.
type checking struct {
	scenario *Scenario
	active   []*Inject // in effect, oldest first
	injected int
	absent   map[place]Statement // what ended the program there
	errors   Errors
}

// place is a program on a host.
type place struct {
	program Program
	host    string
}

func (c *checking) fail(at Statement, problem, expected, near string) {
	c.errors = append(c.errors, &Error{File: c.scenario.File, Line: at.Line(), Problem: problem, Expected: expected, Nearest: near})
}

func (c *checking) statement(statement Statement) {
	for _, host := range hostsOf(statement) {
		n, ok := HostNumber(host)
		if ok && n > c.scenario.Cluster.Hosts {
			c.fail(statement, fmt.Sprintf("the cluster has no %s", host), fmt.Sprintf("host1 to host%d", c.scenario.Cluster.Hosts), "")
		}
	}
	c.code(statement)
	c.needs(statement)
	c.presence(statement)
	switch s := statement.(type) {
	case *AlwaysRPC:
		if s.P99 > s.Max {
			c.fail(s, fmt.Sprintf("p99 < %s allows more than max < %s", Duration(s.P99), Duration(s.Max)), "p99 at most max", "")
		}
	case *Expect:
		if w, ok := s.Condition.(Warns); ok && w.Late > 0 && c.injected == 0 {
			c.fail(s, "late< without a fault before it: there is no stalled operation to count from", "", "")
		}
	case *Inject:
		c.inject(s)
	case *Heal:
		c.heal(s)
	case *Configure:
		c.keys(s)
	case *ClientLoad:
		if s.Slow+s.HalfOpen >= s.Clients {
			c.fail(s, fmt.Sprintf("%d slow and %d half-open of %d clients: no good one is left to judge by", s.Slow, s.HalfOpen, s.Clients), "fewer", "")
		}
	}
}

// code looks up the warning that a statement names.
func (c *checking) code(statement Statement) {
	var code string
	switch s := statement.(type) {
	case *Expect:
		code = warningOf(s.Condition)
	case *Saw:
		code = warningOf(s.Condition)
	}
	if _, known := health.Lookup(health.Code(code)); code == "" || known {
		return
	}
	var codes []string
	for _, row := range health.Table() {
		codes = append(codes, string(row.Code))
	}
	c.fail(statement, fmt.Sprintf("no daemon warns %q", code), oneOf(codes), nearest(code, codes))
}

func warningOf(condition Condition) string {
	switch w := condition.(type) {
	case Warns:
		return w.Code
	case Clear:
		return w.Code
	}
	return ""
}

func (c *checking) inject(s *Inject) {
	c.injected++
	f := s.Fault
	storage := c.scenario.Cluster.Storage
	switch {
	case f.Kind == FreezeNFS && storage.ISCSI():
		c.fail(s, fmt.Sprintf("there is no NFS server to freeze with storage=%s", storage), "", string(FreezeISCSI))
	case f.Kind == FreezeISCSI && !storage.ISCSI():
		c.fail(s, fmt.Sprintf("there is no iSCSI target to freeze with storage=%s", storage), "", string(FreezeNFS))
	case (f.Error == "ENOSPC" || f.Error == "EROFS") && f.Op == "read":
		c.fail(s, "a read never fails with "+f.Error, "op=write, op=fsync, or another error", "")
	case f.Segment != NoSegment && f.Op == "fsync":
		c.fail(s, "op=fsync with segment=: it concerns the whole file", "one of the two", "")
	case f.Segment != NoSegment && f.File != "whiteboard":
		c.fail(s, "segment= without file=whiteboard: only the whiteboard has segments", "file=whiteboard", "")
	case f.Host != "" && f.Segment > 0 && f.Op == "write" && f.Host != "host"+itoa(f.Segment):
		c.fail(s, fmt.Sprintf("%s does not write segment %d, so the fault would hold nothing", f.Host, f.Segment), "its own segment, or 0", "")
	case f.Segment > c.scenario.Cluster.Hosts:
		c.fail(s, fmt.Sprintf("no host writes segment %d, so the fault would hold nothing", f.Segment),
			fmt.Sprintf("0 (the cluster's own) or a host's number, 1 to %d", c.scenario.Cluster.Hosts), "")
	}
	for _, earlier := range c.active {
		if earlier.Fault == f {
			c.fail(s, fmt.Sprintf("the same fault is in effect since line %d", earlier.Line()), "`heal "+f.String()+"` before it", "")
			return
		}
	}
	c.active = append(c.active, s)
}

func (c *checking) heal(s *Heal) {
	if s.Fault == nil {
		if len(c.active) == 0 {
			c.fail(s, "nothing to heal: no fault is in effect here", "", "")
		}
		c.active = nil
		return
	}
	var texts []string
	for i, earlier := range c.active {
		if earlier.Fault == *s.Fault {
			c.active = slices.Delete(c.active, i, i+1)
			return
		}
		texts = append(texts, earlier.Fault.String())
	}
	expected := "an earlier fault line that is not healed yet"
	if len(texts) > 0 {
		expected = "one of the faults in effect"
	}
	c.fail(s, fmt.Sprintf("%q is not in effect here", s.Fault.String()), expected, nearest(s.Fault.String(), texts))
}
