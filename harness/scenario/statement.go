package scenario

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// ParseStatement reads one statement, as a scenario file has it on a line: what `holdfast fault` and the shell use.
func ParseStatement(text string) (Statement, error) {
	statement, err := parseLine("", 0, text)
	if err != nil {
		return nil, err
	}
	return statement, nil
}

func newCursor(file string, line int, text string) *cursor {
	return &cursor{file: file, line: line, toks: tokens(text), end: len(text) + 1}
}

// parseLine reads one statement. Its error is an *Error, but typed so that nil stays nil.
func parseLine(file string, line int, text string) (Statement, *Error) {
	c := newCursor(file, line, text)
	statement := c.statement()
	c.done()
	if c.err != nil {
		return nil, c.err
	}
	statement.setLine(line)
	return statement, nil
}

func (c *cursor) statement() Statement {
	switch c.peek() {
	case "hang", "slow", "fail", "freeze", "drop", "mount":
		return &Inject{Fault: c.fault()}
	}
	switch word := c.choice(firstWords()...); word {
	case "cluster":
		return c.cluster()
	case "engine":
		return c.engine()
	case "always":
		return c.always()
	case "never":
		s := &NeverStart{}
		c.choice("start")
		c.options(map[string]func(){"on": func() { s.On = c.host(AllHosts) }}, []string{"on"}, "on")
		return s
	case "heal":
		if c.pos >= len(c.toks) {
			return &Heal{}
		}
		fault := c.fault()
		return &Heal{Fault: &fault}
	case "wait":
		return &Wait{For: c.duration("wait", shortest, maxWait)}
	case "expect":
		return c.expect()
	case "set":
		return c.set()
	case "saw":
		return &Saw{Condition: c.goal()}
	default:
		return c.action(word)
	}
}

func (c *cursor) cluster() Statement {
	s := &Cluster{IOTimeout: 10 * time.Second, TimeFactor: 1, Sector: plainSector}
	c.options(map[string]func(){
		"hosts":       func() { s.Hosts = c.number("number of hosts", 1, maxHosts) },
		"storage":     func() { s.Storage = Storage(c.choice(storages()...)) },
		"io_timeout":  func() { s.IOTimeout = c.ioTimeout() },
		"time_factor": func() { s.TimeFactor = c.factor() },
		"vdsm":        func() { s.VDSM = c.standIn() },
		"smtp":        func() { s.SMTP = c.standIn() },
		"ovf":         func() { s.OVF = c.yes() },
		"sector":      func() { s.Sector = c.sector() },
	}, []string{"hosts", "storage", "io_timeout", "time_factor", "vdsm", "smtp", "ovf", "sector"}, "hosts", "storage")
	return s
}

// standIn reads whether the cluster has a stand-in for a server that it does not have itself.
func (c *cursor) standIn() bool { return c.choice("standin", "none") == "standin" }

func (c *cursor) sector() int {
	size, _ := strconv.Atoi(c.choice("512", "4096"))
	return size
}

func (c *cursor) ioTimeout() time.Duration {
	d := c.duration("io_timeout", minIOTimeout, maxIOTimeout)
	if c.err == nil && d%time.Second != 0 {
		c.back()
		c.fail(fmt.Sprintf("bad io_timeout %q", c.peek()), "whole seconds, as sanlock counts them", "")
	}
	return d
}

// factor reads the time factor: plain decimals, so that it prints back as it was written.
func (c *cursor) factor() float64 {
	expected := fmt.Sprintf("a decimal number from %v to %v", minFactor, maxFactor)
	word := c.value(expected)
	if c.err != nil {
		return 0
	}
	f, err := strconv.ParseFloat(word, 64)
	if err != nil || strings.Trim(word, "0123456789.") != "" || f < minFactor || f > maxFactor {
		c.back()
		c.fail(fmt.Sprintf("bad time_factor %q", word), expected, "")
		return 0
	}
	return f
}

func (c *cursor) engine() Statement {
	s := &EngineUp{}
	c.choice("up")
	c.options(map[string]func(){
		"on":     func() { s.On = c.host(AnyHost) },
		"within": func() { s.Within = c.within() },
	}, []string{"on", "within"}, "on", "within")
	return s
}

func (c *cursor) within() time.Duration { return c.duration("within", shortest, maxWait) }

func (c *cursor) always() Statement {
	switch subject := c.choice("engines", "rpc", "agent", string(Threads), string(Descriptors)); subject {
	case "engines":
		c.choice("<=")
		return &AlwaysEngines{Max: c.number("number of engines", 0, maxHosts)}
	case "rpc":
		s := &AlwaysRPC{Host: c.host(AllHosts)}
		c.choice("p99")
		s.P99 = c.below("p99")
		c.choice("max")
		s.Max = c.below("max")
		return s
	case "agent":
		s := &AlwaysAgent{Host: c.host(AllHosts)}
		c.choice("gap")
		s.Gap = c.below("gap")
		return s
	default:
		s := &AlwaysGrowth{Resource: Resource(subject), Host: c.host(AllHosts)}
		c.choice("growth")
		c.choice("<=")
		s.Max = c.number("growth", 0, maxGrowth)
		return s
	}
}

// below reads "< DURATION".
func (c *cursor) below(what string) time.Duration {
	c.choice("<")
	return c.duration(what, time.Microsecond, maxWait)
}

func (c *cursor) set() Statement {
	s := &Set{}
	c.options(map[string]func(){
		"maintenance": func() { s.Maintenance = Maintenance(c.choice(maintenances()...)) },
		"via":         func() { s.Via = c.host() },
	}, []string{"maintenance", "via"}, "maintenance", "via")
	return s
}
