package report

import (
	"fmt"
	"math"
	"sort"

	"github.com/holdfast-ha/holdfast/harness/events"
	"github.com/holdfast-ha/holdfast/harness/scenario"
	"github.com/holdfast-ha/holdfast/harness/verdict"
)

// The latency strip's ends, milliseconds, on a logarithmic scale.
const (
	fastest = 0.1
	slowest = 10000
)

// rpc draws a host's latency strip: a bar from the median to the slowest call for each window, the median as a line, the
// bounds that the scenario claims.
func (p *picture) rpc(r *Run, host string, y float64) float64 {
	height := float64(rpcHeight)
	level := func(v float64) float64 {
		v = min(max(v, fastest), slowest)
		return y + height*(1-math.Log10(v/fastest)/math.Log10(slowest/fastest))
	}
	p.rect(p.left, y, p.right-p.left, height, 2, "strip", "")
	p.titled(p.left-50, y+height/2+3.8, "end", "lane", "rpc", "latency of all methods: bars from the median to the slowest call of a window, logarithmic scale")
	for _, tick := range []struct {
		ms   float64
		text string
	}{{1, "1 ms"}, {10, "10 ms"}, {100, "100 ms"}, {1000, "1 s"}} {
		p.line(p.left, level(tick.ms), p.right, level(tick.ms), "decade")
		if tick.ms != 10 {
			p.text(p.left-10, level(tick.ms)+3.2, "end", "scale", tick.text)
		}
	}
	var points [][2]float64
	for _, b := range rpcBuckets(r.Log.Events, host) {
		x1, x2 := p.x(b.from), p.x(b.to)
		title := fmt.Sprintf("%.1f s to %.1f s: %d calls, median %s, slowest %s (%s)", b.from, b.to, b.calls, ms(b.p50), ms(b.max), b.slowest)
		class := "calls"
		if b.failed > 0 {
			class = "calls failed"
			title += fmt.Sprintf(", %d without an answer", b.failed)
		}
		p.rect(x1+0.4, level(b.max), max(x2-x1-0.8, 1), max(level(b.p50)-level(b.max), 1.5), 0.5, class, title)
		points = append(points, [2]float64{(x1 + x2) / 2, level(b.p50)})
	}
	p.path("median", points)
	for _, bound := range rpcBounds(r, host) {
		p.line(p.left, level(bound.ms), p.right, level(bound.ms), "bound")
		p.text(p.right-4, level(bound.ms)-3, "end", "boundname", bound.text)
	}
	return y + height + rowGap
}

type rpcBound struct {
	ms   float64
	text string
}

// rpcBounds takes the bounds that the scenario sets for the host.
func rpcBounds(r *Run, host string) []rpcBound {
	if r.Scenario == nil {
		return nil
	}
	var bounds []rpcBound
	for _, s := range r.Scenario.Statements {
		a, ok := s.(*scenario.AlwaysRPC)
		if !ok || a.Host != host && a.Host != scenario.AllHosts {
			continue
		}
		bounds = append(bounds,
			rpcBound{float64(a.P99) / 1e6, "p99 < " + scenario.Duration(a.P99)},
			rpcBound{float64(a.Max) / 1e6, "max < " + scenario.Duration(a.Max)})
	}
	return bounds
}

// bucket is the latency of all methods of one host in one window.
type bucket struct {
	from, to float64
	p50, max float64 // milliseconds
	slowest  string  // method
	calls    int
	failed   int
}

// rpcBuckets joins the windows of all methods that end at nearly the same time; a picture is no finer than 0.25 s.
func rpcBuckets(log []events.Event, host string) []bucket {
	const grain = 0.25
	type cell struct {
		bucket
		p50s []float64
	}
	cells := map[int]*cell{}
	for _, e := range log {
		if e.RPC == nil || e.Host != host || e.RPC.N == 0 {
			continue
		}
		slot := int(e.T / grain)
		c := cells[slot]
		if c == nil {
			c = &cell{bucket: bucket{from: e.T - e.RPC.SpanS, to: e.T}}
			cells[slot] = c
		}
		c.from, c.to = min(c.from, e.T-e.RPC.SpanS), max(c.to, e.T)
		c.calls += e.RPC.N
		c.failed += e.RPC.Failed
		c.p50s = append(c.p50s, e.RPC.P50MS)
		if e.RPC.MaxMS >= c.max {
			c.max, c.slowest = e.RPC.MaxMS, e.RPC.Method
		}
	}
	buckets := make([]bucket, 0, len(cells))
	for _, c := range cells {
		sort.Float64s(c.p50s)
		c.p50 = verdict.Quantile(c.p50s, 0.5)
		buckets = append(buckets, c.bucket)
	}
	sort.Slice(buckets, func(i, j int) bool { return buckets[i].to < buckets[j].to })
	for i := range buckets {
		if i > 0 {
			buckets[i].from = max(buckets[i].from, min(buckets[i-1].to, buckets[i].to-grain/2))
		}
		buckets[i].from = max(buckets[i].from, 0)
	}
	return buckets
}
