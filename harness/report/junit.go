package report

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"time"

	"github.com/holdfast-ha/holdfast/harness/verdict"
)

type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Errors   int          `xml:"errors,attr"`
	Skipped  int          `xml:"skipped,attr"`
	Time     string       `xml:"time,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name       string          `xml:"name,attr"`
	Tests      int             `xml:"tests,attr"`
	Failures   int             `xml:"failures,attr"`
	Errors     int             `xml:"errors,attr"`
	Skipped    int             `xml:"skipped,attr"`
	Time       string          `xml:"time,attr"`
	Timestamp  string          `xml:"timestamp,attr"`
	Properties []junitProperty `xml:"properties>property"`
	Cases      []junitCase     `xml:"testcase"`
}

type junitProperty struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

type junitCase struct {
	Class   string       `xml:"classname,attr"`
	Name    string       `xml:"name,attr"`
	Time    string       `xml:"time,attr"`
	Failure *junitResult `xml:"failure,omitempty"`
	Error   *junitResult `xml:"error,omitempty"`
	Skipped *junitResult `xml:"skipped,omitempty"`
	Output  string       `xml:"system-out,omitempty"`
}

type junitResult struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// JUnit prints runs as JUnit XML: one suite for each scenario, one case for each claim, and a first case for the verdict
// itself. A broken claim is a failure, an unmet coverage goal and an INVALID verdict an error, a SKIP is skipped.
func JUnit(runs []*Run) ([]byte, error) {
	all := junitSuites{Name: "holdfast"}
	var seconds float64
	for _, r := range runs {
		s := suite(r)
		all.Suites = append(all.Suites, s)
		all.Tests += s.Tests
		all.Failures += s.Failures
		all.Errors += s.Errors
		all.Skipped += s.Skipped
		seconds += r.Verdict.WallS
	}
	all.Time = junitTime(seconds)
	var b bytes.Buffer
	b.WriteString(xml.Header)
	out := xml.NewEncoder(&b)
	out.Indent("", "  ")
	if err := out.Encode(all); err != nil {
		return nil, fmt.Errorf("print JUnit XML: %w", err)
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}

func suite(r *Run) junitSuite {
	v := r.Verdict
	s := junitSuite{
		Name: v.Scenario, Time: junitTime(v.WallS), Timestamp: v.Started.UTC().Format(time.RFC3339),
		Properties: []junitProperty{
			{"tier", v.Tier},
			{"seed", fmt.Sprint(v.Seed)},
			{"storage", v.Storage},
			{"time_factor", fmt.Sprint(v.TimeFactor)},
			{"io_timeout_s", fmt.Sprint(v.IOTimeoutS)},
		},
	}
	whole := junitCase{Class: v.Scenario, Name: "verdict", Time: junitTime(v.WallS), Output: string(v.Verdict) + ": " + v.Reason}
	switch v.Verdict {
	case verdict.Pass:
	case verdict.Fail:
		whole.Failure = &junitResult{Message: v.Reason, Text: string(v.Verdict)}
	case verdict.Skip:
		whole.Skipped = &junitResult{Message: v.Reason, Text: string(v.Verdict)}
	default:
		whole.Error = &junitResult{Message: v.Reason, Text: string(v.Verdict)}
	}
	s.add(whole)
	for _, c := range v.Claims {
		one := junitCase{Class: v.Scenario, Name: fmt.Sprintf("line %d: %s", c.Line, c.Text), Time: junitTime(0), Output: c.Detail}
		switch {
		case c.OK:
		case c.Goal:
			one.Error = &junitResult{Message: c.Detail, Text: "the coverage goal was not met"}
		default:
			one.Failure = &junitResult{Message: c.Detail, Text: "the claim broke"}
		}
		s.add(one)
	}
	return s
}

func (s *junitSuite) add(c junitCase) {
	s.Tests++
	switch {
	case c.Failure != nil:
		s.Failures++
	case c.Error != nil:
		s.Errors++
	case c.Skipped != nil:
		s.Skipped++
	}
	s.Cases = append(s.Cases, c)
}

func junitTime(seconds float64) string { return fmt.Sprintf("%.3f", seconds) }
