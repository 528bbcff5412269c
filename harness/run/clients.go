package run

import (
	"context"
	"fmt"
	"time"

	"github.com/holdfast-ha/holdfast/harness/load"
	"github.com/holdfast-ha/holdfast/harness/scenario"
)

const (
	// loadFactor and loadSlack make a bound of an earlier load's p99.
	loadFactor = 2
	loadSlack  = 10 // milliseconds
	// loadExcuse: a p99 at most so many times as late as the machine woke the clients up is the machine's, where half of the calls
	// met the bound.
	loadExcuse = 3
)

// load puts clients on a host's broker and judges what the good ones met.
func (r *runner) load(ctx context.Context, s *scenario.ClientLoad) (ok bool, detail string) {
	host, err := r.cluster.Host(s.Host)
	if err != nil {
		return false, err.Error()
	}
	result, err := host.Load(ctx, load.Options{Clients: s.Clients, Slow: s.Slow, HalfOpen: s.HalfOpen, For: s.For})
	if err != nil {
		return false, err.Error()
	}
	bound, why := r.loadBound(s)
	if len(r.active) == 0 {
		r.loads[s.Host] = result.P99MS
	}
	return judgeLoad(result, bound, why)
}

// loadBound is the bound of the p99 in milliseconds, 0 for none, and where it comes from.
func (r *runner) loadBound(s *scenario.ClientLoad) (bound float64, why string) {
	if s.P99 > 0 {
		return float64(s.P99) / float64(time.Millisecond), ""
	}
	if healthy, known := r.loads[s.Host]; known && len(r.active) > 0 {
		return loadFactor*healthy + loadSlack, fmt.Sprintf(", from %.2f ms without a fault", healthy)
	}
	return 0, ""
}

func judgeLoad(result load.Result, bound float64, why string) (ok bool, detail string) {
	detail = fmt.Sprintf("%d calls of %d good clients answered, p50=%.2f p99=%.2f max=%.2f ms", result.OK, result.Good, result.P50MS, result.P99MS, result.MaxMS)
	if result.SlowCut+result.HalfCut > 0 {
		detail += fmt.Sprintf("; cut: %d slow, %d half-open", result.SlowCut, result.HalfCut)
	}
	if bound > 0 {
		detail += fmt.Sprintf("; bound of p99 %.2f ms%s", bound, why)
	}
	switch {
	case result.Refused+result.Failed > 0:
		return false, fmt.Sprintf("%d calls were refused, %d failed (%s); %s", result.Refused, result.Failed, result.Err, detail)
	case result.OK == 0:
		return false, "no good client made a call; " + detail
	case bound > 0 && result.P99MS >= bound:
		if result.P50MS < bound && result.P99MS <= loadExcuse*result.LateMS {
			return true, fmt.Sprintf("this machine is slow, it woke the clients up %.2f ms late; %s", result.LateMS, detail)
		}
		return false, detail
	}
	return true, detail
}
