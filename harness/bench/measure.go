package bench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/whiteboard"
	"github.com/holdfast-ha/holdfast/daemons/whiteboard/segmentfile"
)

// Figure is one measured value.
type Figure struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
	Note  string  `json:"note,omitempty"`
}

// How much is measured: small numbers, since the figures serve comparison within one run.
const (
	writes        = 300
	throughputFor = 3 * time.Second
	clients       = 4
	idleFor       = 5 * time.Second
	hosts         = 3
)

// Run measures with the binaries in bin and with files in dir, which must be on a file system that takes O_DIRECT.
func Run(ctx context.Context, bin, dir string) ([]Figure, error) {
	d, err := start(ctx, bin, dir, hosts)
	if err != nil {
		return nil, err
	}
	figures, err := d.measure(ctx)
	if stopped := d.stop(); err == nil {
		err = stopped
	}
	return figures, err
}

func (d *daemons) measure(ctx context.Context) ([]Figure, error) {
	var all []Figure
	for _, step := range []func(context.Context) ([]Figure, error){d.idle, d.durable, d.throughput} {
		figures, err := step(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, figures...)
	}
	return all, nil
}

// idle looks at memory, threads, and what the broker reads while nobody asks for anything.
func (d *daemons) idle(context.Context) ([]Figure, error) {
	before, err := readBytes(d.broker.Process.Pid)
	if err != nil {
		return nil, err
	}
	time.Sleep(idleFor)
	after, err := readBytes(d.broker.Process.Pid)
	if err != nil {
		return nil, err
	}
	passes := float64(idleFor) / float64(readPeriod)
	figures := []Figure{{
		Name: "bytes read from the whiteboard a pass", Value: (after - before) / passes, Unit: "bytes",
		Note: fmt.Sprintf("%d hosts; a full scan is %d bytes", hosts, whiteboard.Segments*whiteboard.SegmentSize),
	}}
	together := 0.0
	for name, pid := range map[string]int{"agent": d.agent.Process.Pid, "broker": d.broker.Process.Pid} {
		rss, threads, err := status(pid)
		if err != nil {
			return nil, err
		}
		together += rss
		figures = append(figures, Figure{Name: name + " RSS at idle", Value: rss / 1024, Unit: "MiB"},
			Figure{Name: name + " threads at idle", Value: threads, Unit: "threads"})
	}
	slices.SortFunc(figures[1:], func(a, b Figure) int { return strings.Compare(a.Name, b.Name) })
	return append(figures, Figure{Name: "both daemons RSS at idle", Value: together / 1024, Unit: "MiB", Note: "goal: at most 40 MiB"}), nil
}

// durable compares a put_stats until its record is on storage with a plain write of one segment to the same file system. Both
// are timed in turn, so that both meet the same disk.
func (d *daemons) durable(ctx context.Context) ([]Figure, error) {
	raw := filepath.Join(d.dir, "raw.img")
	if err := fill(raw, 1); err != nil {
		return nil, err
	}
	var plain, put []float64
	for i := range writes {
		segment := whiteboard.EncodeGlobal(whiteboard.Global{Maintenance: i%2 == 0})
		began := time.Now()
		if err := segmentfile.Write(raw, 0, &segment); err != nil {
			return nil, err
		}
		plain = append(plain, ms(began))
		began = time.Now()
		if err := d.putDurable(ctx, &segment); err != nil {
			return nil, err
		}
		put = append(put, ms(began))
	}
	slices.Sort(plain)
	slices.Sort(put)
	mid, tail := writes/2, writes*99/100
	return []Figure{
		{Name: "raw O_DIRECT write of a segment p50", Value: plain[mid], Unit: "ms"},
		{Name: "raw O_DIRECT write of a segment p99", Value: plain[tail], Unit: "ms"},
		{Name: "put_stats until durable p50", Value: put[mid], Unit: "ms", Note: "two calls at least: put_stats, then get_view until durable"},
		{Name: "put_stats until durable p99", Value: put[tail], Unit: "ms"},
	}, nil
}

func (d *daemons) putDurable(ctx context.Context, segment *whiteboard.Segment) error {
	if ok, err := d.link.PutStats(ctx, 0, segment[:]); err != nil || !ok {
		return fmt.Errorf("put_stats refused: %w", err)
	}
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		view, err := d.link.GetView(ctx)
		if err != nil {
			return err
		}
		if own, ok := view.Segment(0); ok && own.Durable && string(own.Data) == string(segment[:]) {
			return nil
		}
	}
	return fmt.Errorf("a record was not durable within 10 s")
}

// throughput counts get_stats calls by several clients, each with a connection a call as upstream's client does it.
func (d *daemons) throughput(ctx context.Context) ([]Figure, error) {
	ctx, cancel := context.WithTimeout(ctx, throughputFor+10*time.Second)
	defer cancel()
	var calls, failed atomic.Int64
	var all sync.WaitGroup
	began := time.Now()
	for range clients {
		all.Go(func() {
			for time.Since(began) < throughputFor {
				if _, err := d.link.GetStats(ctx); err != nil {
					failed.Add(1)
					continue
				}
				calls.Add(1)
			}
		})
	}
	all.Wait()
	if failed.Load() > 0 {
		return nil, fmt.Errorf("%d get_stats calls failed", failed.Load())
	}
	return []Figure{{
		Name: "get_stats throughput", Value: float64(calls.Load()) / time.Since(began).Seconds(), Unit: "calls/s",
		Note: fmt.Sprintf("%d clients, a connection each call", clients),
	}}, nil
}

func ms(began time.Time) float64 { return float64(time.Since(began).Nanoseconds()) / 1e6 }

// readBytes is what a process has had read from storage so far.
func readBytes(pid int) (float64, error) {
	return field(fmt.Sprintf("/proc/%d/io", pid), "read_bytes:")
}

// status returns a process's resident memory in KiB and its threads.
func status(pid int) (rssKiB, threads float64, err error) {
	path := fmt.Sprintf("/proc/%d/status", pid)
	if rssKiB, err = field(path, "VmRSS:"); err != nil {
		return 0, 0, err
	}
	threads, err = field(path, "Threads:")
	return rssKiB, threads, err
}

func field(path, key string) (float64, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return 0, fmt.Errorf("look at a daemon: %w", err)
	}
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, key); ok {
			return strconv.ParseFloat(strings.Fields(rest)[0], 64)
		}
	}
	return 0, fmt.Errorf("%s has no %s", path, key)
}
