package report

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/holdfast-ha/holdfast/harness/verdict"
)

// Summary prints runs as a table for the terminal, one line a run, with what broke below it. Plain text, no colours.
func Summary(runs []*Run) string {
	rows := [][]string{{"scenario", "verdict", "wall", "faults", "claims", "rpc p99/max in faults", "agent gap", "blocked", "stall seen", "fresh"}}
	for _, r := range runs {
		rows = append(rows, summaryRow(r))
	}
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for n, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			line.WriteString(cell + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+2))
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
		if n == 0 {
			continue
		}
		r := runs[n-1]
		if r.Verdict.Verdict != verdict.Pass {
			b.WriteString("    " + r.Verdict.Reason + "\n")
		}
	}
	return b.String()
}

func summaryRow(r *Run) []string {
	v := r.Verdict
	held, whole := 0, 0
	for _, c := range v.Claims {
		if c.OK {
			held++
		}
	}
	for _, f := range v.Faults {
		if f.ProvenS != nil && f.GoneS != nil {
			whole++
		}
	}
	k := keyFigures(v)
	return []string{
		v.Scenario, string(v.Verdict), fmt.Sprintf("%.1f s", v.WallS),
		fmt.Sprintf("%d/%d", whole, len(v.Faults)), fmt.Sprintf("%d/%d", held, len(v.Claims)),
		orDash(k.rpcText()), orDash(seconds(k.gap)), orDash(seconds(k.blocked)), orDash(secondsOf(v.StallVisibleS)), orDash(secondsOf(v.RecoveredS)),
	}
}

// key is what one looks at first.
type key struct {
	blocked     float64 // longest blockage of a lane, seconds
	blockedLane verdict.Lane
	blockedHost string

	p99, max               float64 // the worst of any method in the time of faults, milliseconds
	p99Of, maxOf           string  // "host2 put_stats"
	healthyP99, healthyMax float64 // milliseconds
	gap                    float64 // seconds
	gapHost                string
	failed, faultCalls     int
}

// keyFigures looks for the worst of each.
func keyFigures(v verdict.Verdict) key {
	var k key
	for host, lanes := range v.Lanes {
		for _, l := range lanes {
			if l.BlockedS > k.blocked || l.BlockedS == k.blocked && host < k.blockedHost {
				k.blocked, k.blockedLane, k.blockedHost = l.BlockedS, l, host
			}
		}
	}
	for host, methods := range v.RPC {
		for method, p := range methods {
			name := host + " " + method
			k.healthyP99, k.healthyMax = max(k.healthyP99, p.Healthy.P99MS), max(k.healthyMax, p.Healthy.MaxMS)
			k.faultCalls += p.Fault.N
			k.failed += p.Fault.Failed
			if p.Fault.P99MS > k.p99 || p.Fault.P99MS == k.p99 && name < k.p99Of {
				k.p99, k.p99Of = p.Fault.P99MS, name
			}
			if p.Fault.MaxMS > k.max || p.Fault.MaxMS == k.max && name < k.maxOf {
				k.max, k.maxOf = p.Fault.MaxMS, name
			}
		}
	}
	for host, a := range v.Agent {
		if a.MaxGapS > k.gap || a.MaxGapS == k.gap && host < k.gapHost {
			k.gap, k.gapHost = a.MaxGapS, host
		}
	}
	return k
}

func (k key) rpcText() string {
	if k.faultCalls == 0 {
		return ""
	}
	return ms(k.p99) + " / " + ms(k.max)
}

// ms prints milliseconds with three significant digits or less.
func ms(v float64) string {
	switch {
	case v >= 1000:
		return fmt.Sprintf("%.2f s", v/1000)
	case v >= 100:
		return fmt.Sprintf("%.0f ms", v)
	case v >= 10:
		return fmt.Sprintf("%.1f ms", v)
	}
	return fmt.Sprintf("%.2f ms", v)
}

// seconds prints a duration in seconds, "" for 0.
func seconds(v float64) string {
	if v == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f s", v)
}

func secondsOf(v *float64) string {
	if v == nil {
		return ""
	}
	return fmt.Sprintf("%.2f s", *v)
}
