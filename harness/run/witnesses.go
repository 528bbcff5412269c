package run

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/holdfast-ha/holdfast/harness/attendant"
	"github.com/holdfast-ha/holdfast/harness/tier/container"
	"github.com/holdfast-ha/holdfast/harness/verdict"
)

const (
	// listDeadline bounds the question to a container which of its programs run.
	listDeadline = 5 * time.Second
	// blindAfter is how long, in seconds, a host may go without a measured call before its probe counts as blind. A probe
	// begins some hundred calls a second, and a call that waits counts as measured.
	blindAfter = 3.0
	// runToEnd is the claim that every scenario makes without saying so.
	runToEnd = "every broker and agent runs from the cluster's start to the end"
)

// judgeProcesses asks every container which of its programs have ended. A broker or an agent that did without the scenario's will
// breaks a claim of its own; anything else (the probe, an attachment, the server) is a witness or a part of the lab that was
// lost, so the run showed nothing: that is returned.
func (r *runner) judgeProcesses(ctx context.Context) (missing []string) {
	clients := map[string]*attendant.Client{r.cluster.Storage.Name: r.cluster.Storage.Attendant}
	for _, h := range r.cluster.Hosts {
		clients[h.Name] = h.Attendant
	}
	var mu sync.Mutex
	lists, lost := map[string][]attendant.Process{}, []string{}
	var asked sync.WaitGroup
	for where, client := range clients {
		asked.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, listDeadline)
			defer cancel()
			list, err := client.List(ctx)
			mu.Lock()
			defer mu.Unlock()
			lists[where] = list
			if err != nil {
				lost = append(lost, fmt.Sprintf("%s: %v", where, err))
			}
		})
	}
	asked.Wait()
	daemons, others := r.ended(lists)
	detail := "they run"
	if len(daemons) > 0 {
		detail = strings.Join(daemons, "; ")
		r.say("FAIL", runToEnd+": "+detail)
	}
	r.record(verdict.Claim{Line: r.scenario.Cluster.Line(), Text: runToEnd, OK: len(daemons) == 0, Detail: detail})
	slices.Sort(lost)
	return append(lost, others...)
}

// ended lists the programs that do not run any more, or were started anew, by what their loss means.
func (r *runner) ended(lists map[string][]attendant.Process) (daemons, others []string) {
	for _, where := range sortedKeys(lists) {
		for _, p := range lists[where] {
			text := ""
			switch {
			case r.wanted(where, p):
			case !p.Running && p.Signal != "":
				text = fmt.Sprintf("%s: %s was ended by %s at %.1f s", where, p.Name, p.Signal, r.seen.at(p.Ended))
			case !p.Running:
				text = fmt.Sprintf("%s: %s ended with exit code %d at %.1f s", where, p.Name, p.ExitCode, r.seen.at(p.Ended))
			case r.seen.at(p.Started) > r.ready:
				text = fmt.Sprintf("%s: %s was started anew at %.1f s", where, p.Name, r.seen.at(p.Started))
			}
			switch {
			case text == "":
			case p.Name == container.Broker || p.Name == container.Agent:
				daemons = append(daemons, text)
			default:
				others = append(others, text)
			}
		}
	}
	return daemons, others
}

// wanted says whether it is the scenario's doing that a program has ended, or was started after the cluster was ready.
func (r *runner) wanted(where string, p attendant.Process) bool {
	const lag = 0.5 // seconds between a signal and its note
	last := -1
	for i, a := range r.away {
		if a.Host == where && a.Program == p.Name {
			last = i
		}
	}
	if last < 0 {
		return false
	}
	a := r.away[last]
	if open := math.IsInf(a.To, 1); open || !p.Running {
		return open // not started again; what `stop` and `start` have to say they said
	}
	started := r.seen.at(p.Started)
	return started >= a.From && started <= a.To+lag
}

// blind says which hosts were not watched all the time: the probe lost lines or measured nothing for a while, or a file
// could not be read. What was not seen there would otherwise pass for what did not happen.
func (r *runner) blind(calls map[string]map[string][]verdict.Call, end float64) (parts []string) {
	for _, host := range r.seen.hosts() {
		w := r.seen.watches[host]
		w.mu.Lock()
		if w.dropped > 0 {
			parts = append(parts, fmt.Sprintf("%s: the probe lost %d lines, because its file took too long", host, w.dropped))
		}
		for _, err := range w.unread {
			parts = append(parts, fmt.Sprintf("%s: %v", host, err))
		}
		w.mu.Unlock()
		if gap, from := verdict.Unmeasured(calls[host], verdict.Span{From: r.ready, To: end}); gap > blindAfter {
			parts = append(parts, fmt.Sprintf("%s: the probe measured nothing for %.1f s from %.1f s on", host, gap, from))
		}
	}
	return parts
}
