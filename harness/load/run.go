package load

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/xmlrpc"
	"github.com/holdfast-ha/holdfast/harness/probe"
)

// run starts every client and waits for all of them. The good clients' first calls are spread over one period, as those of a thousand
// processes are.
func run(ctx context.Context, o Options) (Result, error) {
	call, err := xmlrpc.MarshalCall("get_stats")
	if err != nil {
		return Result{}, err
	}
	began := time.Now()
	turns, cancel := context.WithTimeout(ctx, o.For)
	defer cancel()
	t := &tally{}
	client := xmlrpc.NewClient(o.Socket, o.Timeout)
	good := o.Clients - o.Slow - o.HalfOpen
	var running sync.WaitGroup
	for i := range good {
		offset := o.Every * time.Duration(i) / time.Duration(good)
		running.Go(func() { callEachPeriod(ctx, turns, client, call, o.Every, offset, t) })
	}
	for range o.Slow {
		running.Go(func() { bother(turns, o.Socket, slowly(call), t) })
	}
	for range o.HalfOpen {
		running.Go(func() { bother(turns, o.Socket, nil, t) })
	}
	running.Wait()
	r := t.result()
	r.Good, r.TookS = good, time.Since(began).Seconds()
	return r, nil
}

// callEachPeriod calls get_stats each period until turns ends, as VDSM and the agents do, on a connection for each call. A call that
// takes longer than a period eats turns, which are not made up for. The last call is waited for, unless ctx ends.
func callEachPeriod(ctx, turns context.Context, client *xmlrpc.Client, call []byte, every, offset time.Duration, t *tally) {
	next := time.Now().Add(offset)
	timer := time.NewTimer(offset)
	defer timer.Stop()
	for {
		select {
		case <-turns.Done():
			return
		case <-timer.C:
		}
		woke := time.Now()
		reply, err := client.Exchange(ctx, call)
		ended := time.Now()
		if ctx.Err() != nil {
			return // cut short by the load itself
		}
		t.called(reply, err, ended.Sub(woke), woke.Sub(next))
		for next = next.Add(every); next.Before(ended); next = next.Add(every) {
		}
		timer.Reset(time.Until(next))
	}
}

// tally gathers what the clients meet.
type tally struct {
	mu        sync.Mutex
	latencies []float64 // milliseconds, of answered calls
	refused   int
	failed    int
	err       string
	late      time.Duration
	cut       [2]int // connections that the broker ended, by manner
}

func (t *tally) called(reply []byte, err error, took, late time.Duration) {
	verdict := judge(reply, err)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.late = max(t.late, late)
	switch verdict {
	case answered:
		t.latencies = append(t.latencies, float64(took.Microseconds())/1000)
		return
	case refused:
		t.refused++
	case failed:
		t.failed++
	}
	t.err = describe(reply, err)
}

func (t *tally) wasCut(m manner) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cut[m]++
}

func (t *tally) result() Result {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := Result{
		OK: len(t.latencies), Refused: t.refused, Failed: t.failed, Err: t.err, LateMS: float64(t.late.Microseconds()) / 1000,
		SlowCut: t.cut[slow], HalfCut: t.cut[halfOpen],
	}
	if len(t.latencies) > 0 {
		slices.Sort(t.latencies)
		r.P50MS, r.P99MS = probe.Percentile(t.latencies, 50), probe.Percentile(t.latencies, 99)
		r.MaxMS = t.latencies[len(t.latencies)-1]
	}
	return r
}

// jitter is a pause around d, so that many clients do not act in step.
func jitter(d time.Duration) time.Duration { return d/2 + rand.N(d) }
