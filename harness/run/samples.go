package run

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/holdfast-ha/holdfast/harness/scenario"
)

// sample is one line of /metrics.
type sample struct {
	name   string
	labels map[string]string
	value  float64
}

// samples reads Prometheus' text format. Lines that it cannot read are left out: a judge says then that there is no such sample.
func samples(text string) []sample {
	var list []sample
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if s, ok := readSample(line); ok {
			list = append(list, s)
		}
	}
	return list
}

func readSample(line string) (sample, bool) {
	s := sample{labels: map[string]string{}}
	end := strings.IndexAny(line, "{ \t")
	if end < 1 {
		return s, false
	}
	s.name = line[:end]
	rest := line[end:]
	if rest[0] == '{' {
		var ok bool
		if rest, ok = s.readLabels(rest[1:]); !ok {
			return s, false
		}
	}
	fields := strings.Fields(rest) // the value, and now and then a time
	if len(fields) == 0 {
		return s, false
	}
	value, err := strconv.ParseFloat(fields[0], 64)
	s.value = value
	return s, err == nil
}

// readLabels reads `name="value",...}` and returns what stands behind it.
func (s *sample) readLabels(text string) (rest string, ok bool) {
	for {
		text = strings.TrimLeft(text, ", ")
		if strings.HasPrefix(text, "}") {
			return text[1:], true
		}
		name, behind, found := strings.Cut(text, "=")
		if !found {
			return "", false
		}
		raw, err := strconv.QuotedPrefix(behind)
		if err != nil {
			return "", false
		}
		value, err := strconv.Unquote(raw)
		if err != nil {
			return "", false
		}
		s.labels[strings.TrimSpace(name)] = value
		text = behind[len(raw):]
	}
}

// metricIs looks for the one sample that a condition selects, and compares it.
func metricIs(c scenario.Metric, list []sample) answer {
	var found []sample
	for _, s := range list {
		if s.name == c.Name && s.has(c.Labels) {
			found = append(found, s)
		}
	}
	switch len(found) {
	case 0:
		return answer{detail: "/metrics has no sample " + c.Selector()}
	case 1:
	default:
		return answer{broken: true, detail: fmt.Sprintf("%d samples are called %s; name labels until one is left", len(found), c.Selector())}
	}
	v := found[0].value
	holds := map[string]bool{"<": v < c.Bound, "<=": v <= c.Bound, "=": v == c.Bound, ">=": v >= c.Bound, ">": v > c.Bound}[c.Relation]
	return answer{holds: holds, detail: fmt.Sprintf("%s is %s", c.Selector(), strconv.FormatFloat(v, 'g', -1, 64))}
}

func (s sample) has(labels []scenario.Setting) bool {
	for _, l := range labels {
		if s.labels[l.Key] != l.Value {
			return false
		}
	}
	return true
}
