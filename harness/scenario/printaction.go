package scenario

import (
	"fmt"
	"strconv"
	"strings"
)

// String prints the canonical text.
func (s *Configure) String() string { return "configure " + s.Host + settingsText(s.Settings) }

// String prints the canonical text.
func (s *Tell) String() string { return string(s.Program) + " " + s.Host + settingsText(s.Settings) }

func settingsText(list []Setting) string {
	text := ""
	for _, s := range list {
		text += " " + s.Key + "=" + quoted(s.Value)
	}
	return text
}

// String prints the canonical text.
func (s *Stop) String() string {
	text := "stop " + string(s.Program) + " on=" + s.On + within(s.Within)
	if s.Code != AnyCode {
		text += " code=" + itoa(s.Code)
	}
	return text
}

// String prints the canonical text.
func (s *Kill) String() string { return "kill " + string(s.Program) + " on=" + s.On }

// String prints the canonical text.
func (s *Start) String() string {
	return "start " + string(s.Program) + " on=" + s.On + within(s.Within)
}

// String prints the canonical text.
func (s *Write) String() string { return "write segment=" + itoa(s.Segment) + " as=" + string(s.As) }

// String prints the canonical text.
func (s *Call) String() string {
	text := "call " + s.Host + " " + s.Method
	for _, arg := range s.Args {
		text += " " + argument(arg)
	}
	return text + " " + answersWord + " " + s.Answers.String() + within(s.Within)
}

// String prints what the answer is compared with, as a call has it.
func (a Answer) String() string {
	switch a.Kind {
	case AnswerText:
		for _, word := range answerWords() {
			if a.Text == word {
				return strconv.Quote(a.Text)
			}
		}
		return quoted(a.Text)
	case AnswerPart:
		return "~" + quoted(a.Text)
	case AnswerMembers:
		return braces(a.Members)
	}
	return string(a.Kind)
}

// braces prints {KEY=VALUE,...}.
func braces(list []Setting) string {
	var members []string
	for _, s := range list {
		value := quoted(s.Value)
		if strings.Contains(value, ",") && value == s.Value {
			value = strconv.Quote(s.Value)
		}
		members = append(members, s.Key+"="+value)
	}
	return "{" + strings.Join(members, ",") + "}"
}

// String prints the canonical text.
func (s *Publish) String() string {
	text := "publish ovf store=" + itoa(s.Store) + " memory=" + itoa(s.Memory) + " updated=" + yesText(s.Updated)
	if s.Torn {
		text += " torn=yes"
	}
	return text
}

func yesText(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}

// String prints the canonical text.
func (s *ClientLoad) String() string {
	text := "load " + s.Host + " clients=" + itoa(s.Clients)
	if s.Slow > 0 {
		text += " slow=" + itoa(s.Slow)
	}
	if s.HalfOpen > 0 {
		text += " half_open=" + itoa(s.HalfOpen)
	}
	text += " for=" + Duration(s.For)
	if s.P99 > 0 {
		text += " p99<" + Duration(s.P99)
	}
	return text
}

// String prints the canonical text.
func (c Monitor) String() string {
	relation := "="
	if c.Part {
		relation = "~"
	}
	return "monitor " + c.Host + " " + c.Type + relation + quoted(c.Text)
}

// Selector is the metric's name with its labels: `holdfast_lane_stalled{lane=ha-writer}`.
func (c Metric) Selector() string {
	if len(c.Labels) == 0 {
		return c.Name
	}
	return c.Name + braces(c.Labels)
}

// String prints the canonical text.
func (c Metric) String() string {
	return "metric " + c.Host + " " + c.Selector() + " " + c.Relation + " " + strconv.FormatFloat(c.Bound, 'f', -1, 64)
}

// String prints the canonical text.
func (c Mail) String() string { return "mail " + c.Host + " " + c.Part + "~" + quoted(c.Text) }

// String prints the canonical text.
func (c File) String() string {
	return "file " + c.Host + " " + c.Name + " contains=" + quoted(c.Contains)
}

// String prints the canonical text.
func (c Mode) String() string { return fmt.Sprintf("mode %s %s=%04o", c.Host, c.Name, c.Mode) }
