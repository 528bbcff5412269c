package scenario

import (
	"fmt"
	"strings"

	"github.com/holdfast-ha/holdfast/daemons/config"
)

// Words of the cluster line.
const (
	withVDSM = "vdsm=standin"
	withSMTP = "smtp=standin"
	withOVF  = "ovf=yes"
)

// needs looks for what the cluster line lacks for a statement.
func (c *checking) needs(statement Statement) {
	cluster := c.scenario.Cluster
	word, why := needed(statement)
	has := map[string]bool{"": true, withVDSM: cluster.VDSM, withSMTP: cluster.SMTP, withOVF: cluster.OVF}[word]
	if !has {
		c.fail(statement, why, word+" in the cluster line", "")
	}
}

// needed is the word of the cluster line that a statement needs, "" for none, and what is missing without it.
func needed(statement Statement) (word, why string) {
	switch s := statement.(type) {
	case *Tell:
		return needOf(s.Program)
	case *Publish:
		return withOVF, "the cluster has no OVF_STORE"
	case *Inject:
		return needOf(s.Fault.Kind.Program())
	case *Stop:
		return needOf(s.Program)
	case *Kill:
		return needOf(s.Program)
	case *Start:
		return needOf(s.Program)
	case *Expect:
		return neededFor(s.Condition)
	case *Saw:
		return neededFor(s.Condition)
	}
	return "", ""
}

func needOf(p Program) (word, why string) {
	switch p {
	case ProgramVDSM:
		return withVDSM, "no VDSM stand-in runs in the cluster"
	case ProgramSMTP:
		return withSMTP, "no mail server runs in the cluster"
	}
	return "", ""
}

func neededFor(condition Condition) (word, why string) {
	switch n := condition.(type) {
	case Mail:
		return withSMTP, "no mail server runs in the cluster"
	case File:
		if strings.HasPrefix(n.Name, "vm.conf") {
			return withOVF, "without an OVF_STORE nothing writes " + n.Name
		}
	case Monitor:
		if n.Type == "ovf" {
			return withOVF, "the cluster has no OVF_STORE"
		}
	case LaneBlocked:
		switch n.Lane {
		case "ha-ovf":
			return withOVF, "without an OVF_STORE the lane ha-ovf has nothing to do"
		case "ha-notify":
			return withSMTP, "without a mail server the lane ha-notify has nothing to do"
		}
	}
	return "", ""
}

// presence follows which programs were ended on purpose, and looks for statements that need one that is not there.
func (c *checking) presence(statement Statement) {
	switch s := statement.(type) {
	case *Stop:
		if c.runs(s, s.Program, s.On, true) {
			c.absent[place{s.Program, s.On}] = s
		}
	case *Kill:
		if c.runs(s, s.Program, s.On, true) {
			c.absent[place{s.Program, s.On}] = s
		}
	case *Start:
		at := place{s.Program, s.On}
		if _, gone := c.absent[at]; !gone {
			c.fail(s, fmt.Sprintf("the %s of %s runs already", s.Program, s.On), fmt.Sprintf("`stop %s` or `kill %s` before it", s.Program, s.Program), "")
		}
		delete(c.absent, at)
	case *Inject:
		if p := s.Fault.Kind.Program(); p != "" {
			c.runs(s, p, s.Fault.Host, false)
		}
	case *Tell:
		c.runs(s, s.Program, s.Host, false)
	case *Set:
		c.runs(s, ProgramBroker, s.Via, false)
	case *Call:
		c.runs(s, ProgramBroker, s.Host, false)
	case *ClientLoad:
		c.runs(s, ProgramBroker, s.Host, false)
	}
}

// runs says whether a program is there at a statement; where it must not be frozen either, that is looked at as well.
func (c *checking) runs(at Statement, program Program, host string, thawed bool) bool {
	if by, gone := c.absent[place{program, host}]; gone {
		c.fail(at, fmt.Sprintf("the %s of %s does not run since line %d", program, host, by.Line()), fmt.Sprintf("`start %s` before it", program), "")
		return false
	}
	for _, s := range c.active {
		if thawed && s.Fault.Kind.Program() == program && s.Fault.Host == host {
			c.fail(at, fmt.Sprintf("the %s of %s is frozen since line %d, and its end would be taken for the end of the fault", program, host, s.Line()),
				"`heal "+s.Fault.String()+"` before it", "")
			return false
		}
	}
	return true
}

// keys looks up what a statement writes into holdfast.conf.
func (c *checking) keys(s *Configure) {
	var names []string
	known := map[string]bool{}
	for _, key := range config.Keys() {
		names = append(names, key.Name)
		known[key.Name] = true
	}
	for _, setting := range s.Settings {
		if !known[setting.Key] {
			c.fail(s, fmt.Sprintf("holdfast.conf has no key %q", setting.Key), "one of those in daemons/packaging/holdfast.conf", nearest(setting.Key, names))
		}
	}
}
