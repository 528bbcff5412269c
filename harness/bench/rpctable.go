package bench

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/holdfast-ha/holdfast/harness/verdict"
)

// RPCTable returns a table in Markdown: for each method its p50, p99 and longest call in milliseconds, without a fault and with the
// fault of each run. A run's column is called as its directory; all must be runs of the same host. It says which claims broke, and
// calls without an answer.
func RPCTable(host string, runs ...string) (string, error) {
	if len(runs) == 0 {
		return "", errors.New("no run directories")
	}
	columns := []string{"healthy"}
	cells := map[string]map[string]verdict.Latency{} // method -> column
	var remarks []string
	for _, run := range runs {
		v, err := verdict.Read(run)
		if err != nil {
			return "", err
		}
		methods, there := v.RPC[host]
		if !there {
			return "", fmt.Errorf("run %s: no calls of %s were measured", run, host)
		}
		column := filepath.Base(run)
		columns = append(columns, column)
		if v.Verdict != verdict.Pass {
			remarks = append(remarks, fmt.Sprintf("%s: %s: %s", column, v.Verdict, v.Reason))
		}
		for method, phases := range methods {
			if cells[method] == nil {
				cells[method] = map[string]verdict.Latency{}
			}
			cells[method][column] = phases.Fault
			// Of the healthy phases the worst is shown.
			if worst, seen := cells[method]["healthy"]; !seen || phases.Healthy.P99MS > worst.P99MS {
				cells[method]["healthy"] = phases.Healthy
			}
			if n := phases.Healthy.Failed + phases.Fault.Failed; n > 0 {
				remarks = append(remarks, fmt.Sprintf("%s: %d calls of %s got no answer", column, n, method))
			}
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "| method | %s |\n|%s\n", strings.Join(columns, " | "), strings.Repeat(" --- |", len(columns)+1))
	for _, method := range slices.Sorted(maps.Keys(cells)) {
		fmt.Fprintf(&b, "| %s |", method)
		for _, column := range columns {
			l, there := cells[method][column]
			if !there || l.N == 0 {
				b.WriteString(" - |")
				continue
			}
			fmt.Fprintf(&b, " %.1f / %.1f / %.1f |", l.P50MS, l.P99MS, l.MaxMS)
		}
		b.WriteString("\n")
	}
	for _, remark := range remarks {
		fmt.Fprintf(&b, "\n%s", remark)
	}
	return b.String(), nil
}
