package scenario

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"golang.org/x/tools/txtar"
)

// maxFile bounds a scenario file, in bytes.
const maxFile = 1 << 20

// Load reads, parses and checks the file at path. A mistake in it comes back as Errors.
func Load(path string) (*Scenario, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read the scenario: %w", err)
	}
	if info.Size() > maxFile {
		return nil, &Error{File: path, Problem: fmt.Sprintf("the file has %d bytes", info.Size()), Expected: fmt.Sprintf("at most %d", maxFile)}
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the scenario: %w", err)
	}
	s, err := Parse(path, data)
	if err != nil {
		return nil, err
	}
	return s, Check(s)
}

// Parse reads a scenario's text. file is for messages and names the scenario. It looks at each line by itself and at the
// place of the cluster line; Check looks at the rest. A mistake comes back as Errors, and the scenario is nil then.
func Parse(file string, data []byte) (*Scenario, error) {
	if len(data) > maxFile {
		return nil, Errors{{File: file, Problem: fmt.Sprintf("the text has %d bytes", len(data)), Expected: fmt.Sprintf("at most %d", maxFile)}}
	}
	archive := txtar.Parse(data)
	base := filepath.Base(file)
	r := &reading{file: file, scenario: &Scenario{
		Name:     strings.TrimSuffix(base, filepath.Ext(base)),
		File:     file,
		Sections: archive.Files,
		gaps:     map[int]gap{},
		written:  map[int]string{},
	}}
	lines := strings.Split(string(archive.Comment), "\n")
	for i, line := range lines {
		if len(r.errors) < maxErrors {
			r.line(i+1, strings.TrimSuffix(line, "\r"))
		}
	}
	r.finish(max(1, len(lines)-1)) // txtar ends every text with a newline
	if len(r.errors) > 0 {
		return nil, r.errors
	}
	return r.scenario, nil
}

// reading is the state of Parse between two lines.
type reading struct {
	file     string
	scenario *Scenario
	gap      gap
	errors   Errors
	bad      bool // a statement was refused; the cluster line may be among those
}

func (r *reading) line(number int, text string) {
	s := r.scenario
	trimmed := strings.Trim(text, " \t")
	switch {
	case !utf8.ValidString(text) || strings.ContainsFunc(text, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }):
		r.fail(&Error{File: r.file, Line: number, Problem: "the line has bytes that are not printable text", Expected: "UTF-8"})
	case trimmed == "":
		r.gap.blank = true
	case strings.HasPrefix(trimmed, "#"):
		words := strings.TrimRight(strings.TrimPrefix(trimmed[1:], " "), " \t")
		if len(s.Statements) > 0 || r.bad {
			r.gap.comments = append(r.gap.comments, words)
			return
		}
		if r.gap.blank && len(s.Prose) > 0 {
			s.Prose = append(s.Prose, "")
		}
		r.gap.blank = false
		s.Prose = append(s.Prose, words)
	default:
		r.statement(number, text)
	}
}

func (r *reading) statement(number int, text string) {
	s := r.scenario
	statement, err := parseLine(r.file, number, text)
	if err != nil {
		r.bad = true
		r.fail(err)
		return
	}
	cluster, isCluster := statement.(*Cluster)
	switch {
	case isCluster && s.Cluster != nil:
		r.fail(&Error{
			File: r.file, Line: number, Problem: fmt.Sprintf("a second cluster line; the first is line %d", s.Cluster.Line()),
			Expected: "exactly one",
		})
		return
	case !isCluster && s.Cluster == nil && !r.bad:
		r.bad = true
		r.fail(&Error{
			File: r.file, Line: number, Problem: fmt.Sprintf("%q before the cluster line", statement.String()),
			Expected: "`cluster hosts=3 storage=nfs io_timeout=1s time_factor=0.1` as the first statement",
		})
		return
	case isCluster:
		s.Cluster = cluster
	}
	s.gaps[len(s.Statements)] = r.gap
	r.gap = gap{}
	if text != statement.String() {
		s.written[len(s.Statements)] = text
	}
	s.Statements = append(s.Statements, statement)
}

func (r *reading) finish(lines int) {
	s := r.scenario
	if s.Cluster == nil && len(r.errors) == 0 {
		r.fail(&Error{
			File: r.file, Line: lines, Problem: "the file has no statement",
			Expected: "`cluster hosts=3 storage=nfs io_timeout=1s time_factor=0.1`",
		})
	}
	if len(r.gap.comments) > 0 {
		s.gaps[len(s.Statements)] = r.gap
	}
}

func (r *reading) fail(e *Error) {
	if len(r.errors) < maxErrors {
		r.errors = append(r.errors, e)
	}
}
