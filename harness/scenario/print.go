package scenario

import (
	"strconv"
	"strings"
	"time"

	"golang.org/x/tools/txtar"
)

func itoa(n int) string { return strconv.Itoa(n) }

// String prints the canonical text.
func (s *Cluster) String() string {
	text := "cluster hosts=" + itoa(s.Hosts) + " storage=" + string(s.Storage) +
		" io_timeout=" + Duration(s.IOTimeout) + " time_factor=" + strconv.FormatFloat(s.TimeFactor, 'f', -1, 64)
	for _, has := range []struct {
		it   bool
		text string
	}{{s.VDSM, " vdsm=standin"}, {s.SMTP, " smtp=standin"}, {s.OVF, " ovf=yes"}, {s.Sector != 0 && s.Sector != plainSector, " sector=" + itoa(s.Sector)}} {
		if has.it {
			text += has.text
		}
	}
	return text
}

// String prints the canonical text.
func (s *EngineUp) String() string {
	return "engine up on=" + s.On + within(s.Within)
}

// String prints the canonical text.
func (s *AlwaysEngines) String() string { return "always engines <= " + itoa(s.Max) }

// String prints the canonical text.
func (s *AlwaysRPC) String() string {
	return "always rpc " + s.Host + " p99 < " + Duration(s.P99) + " max < " + Duration(s.Max)
}

// String prints the canonical text.
func (s *AlwaysAgent) String() string { return "always agent " + s.Host + " gap < " + Duration(s.Gap) }

// String prints the canonical text.
func (s *AlwaysGrowth) String() string {
	return "always " + string(s.Resource) + " " + s.Host + " growth <= " + itoa(s.Max)
}

// String prints the canonical text.
func (s *NeverStart) String() string { return "never start on=" + s.On }

// String prints the canonical text.
func (s *Inject) String() string { return s.Fault.String() }

// String prints the canonical text.
func (s *Heal) String() string {
	if s.Fault == nil {
		return "heal"
	}
	return "heal " + s.Fault.String()
}

// String prints the canonical text.
func (s *Wait) String() string { return "wait " + Duration(s.For) }

// String prints the canonical text.
func (s *Expect) String() string {
	if _, ok := s.Condition.(Mode); ok && s.Within == 0 {
		return "expect " + s.Condition.String()
	}
	return "expect " + s.Condition.String() + within(s.Within)
}

// String prints the canonical text.
func (s *Set) String() string {
	return "set maintenance=" + string(s.Maintenance) + " via=" + s.Via
}

// String prints the canonical text.
func (s *Saw) String() string { return "saw " + s.Condition.String() }

// String prints the canonical text.
func (c LaneBlocked) String() string { return c.Host + " lane=" + c.Lane + " blocked" }

// String prints the canonical text.
func (c Warns) String() string {
	if c.Late == 0 {
		return c.Host + " warns " + c.Code
	}
	return c.Host + " warns " + c.Code + " late<" + Duration(c.Late)
}

// String prints the canonical text.
func (c Clear) String() string { return c.Host + " clear " + c.Code }

// String prints the canonical text.
func (c Fresh) String() string { return c.Host + " fresh" }

// String prints the canonical text.
func (c Lease) String() string { return c.Host + " lease=" + c.State }

// String prints the canonical text.
func (c State) String() string { return c.Host + " state=" + c.State }

// String prints the canonical text.
func (c Updates) String() string { return c.Host + " updates=" + itoa(c.Count) }

// String prints the canonical text.
func (c DiskMaintenance) String() string { return "disk maintenance=" + string(c.Maintenance) }

// String prints the canonical text.
func (c ViewMaintenance) String() string {
	return "view " + c.Host + " maintenance=" + string(c.Maintenance)
}

// String prints the whole file in canonical form: prose, statements with their comments, sections.
func (s *Scenario) String() string {
	var b strings.Builder
	for _, line := range s.Prose {
		comment(&b, line)
	}
	for i, statement := range s.Statements {
		s.gaps[i].print(&b, i > 0 || len(s.Prose) > 0)
		b.WriteString(statement.String() + "\n")
	}
	s.gaps[len(s.Statements)].print(&b, true)
	if len(s.Sections) == 0 {
		return b.String()
	}
	b.WriteString("\n")
	return string(txtar.Format(&txtar.Archive{Comment: []byte(b.String()), Files: s.Sections}))
}

func (g gap) print(b *strings.Builder, blankAllowed bool) {
	if g.blank && blankAllowed {
		b.WriteString("\n")
	}
	for _, line := range g.comments {
		comment(b, line)
	}
}

func comment(b *strings.Builder, line string) {
	if line == "" {
		b.WriteString("#\n")
		return
	}
	b.WriteString("# " + line + "\n")
}

func within(d time.Duration) string { return " within=" + Duration(d) }

// Duration prints d as scenario files write it: whole hours and whole minutes from two minutes on, else seconds ("90s",
// "1.5s"), below a second "250ms", "50us" or "5ns". Exact; time.ParseDuration reads it back.
func Duration(d time.Duration) string {
	if d < 0 {
		return "-" + Duration(-d)
	}
	switch {
	case d == 0:
		return "0s"
	case d >= time.Hour && d%time.Hour == 0:
		return strconv.FormatInt(int64(d/time.Hour), 10) + "h"
	case d >= 2*time.Minute && d%time.Minute == 0:
		return strconv.FormatInt(int64(d/time.Minute), 10) + "m"
	case d >= time.Second:
		return decimal(d, time.Second) + "s"
	case d >= time.Millisecond:
		return decimal(d, time.Millisecond) + "ms"
	case d >= time.Microsecond:
		return decimal(d, time.Microsecond) + "us"
	}
	return strconv.FormatInt(int64(d), 10) + "ns"
}

// decimal prints d in units, with as many decimals as it takes and no more.
func decimal(d, unit time.Duration) string {
	whole := strconv.FormatInt(int64(d/unit), 10)
	rest := d % unit
	if rest == 0 {
		return whole
	}
	digits := strconv.FormatInt(int64(unit+rest), 10)[1:] // keeps the leading zeros
	return whole + "." + strings.TrimRight(digits, "0")
}
