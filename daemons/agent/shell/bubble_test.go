package shell

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/daemons/brokerlink"
	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/daemons/config"
	"github.com/holdfast-ha/holdfast/daemons/vm"
	"github.com/holdfast-ha/holdfast/daemons/whiteboard"
)

// bubbleClock tells the time of a synctest bubble.
type bubbleClock struct{ began time.Time }

func (c bubbleClock) Now() clock.Mono    { return clock.Mono(1000*time.Second + time.Since(c.began)) }
func (c bubbleClock) BootSeconds() int64 { return int64(c.Now().Seconds()) }
func (c bubbleClock) Wall() time.Time    { return time.Now() }

// fakeBroker is a healthy broker of a cluster of one, until a test spoils it.
type fakeBroker struct {
	clock clock.Clock

	mu       sync.Mutex
	delay    map[string]time.Duration // before a method answers; hang is for ever, apart from its deadline
	fail     error
	calls    map[string]int
	running  map[string]int // calls of each method under way
	most     map[string]int // the most at a time
	monitors map[string]map[string]any
	starts   int
	health   string
	held     bool
	put      []whiteboard.Record
	pushed   [][]int
	notified []string
	released bool
}

const hang = time.Duration(1<<63 - 1)

func newFakeBroker(c clock.Clock) *fakeBroker {
	return &fakeBroker{
		clock: c, delay: map[string]time.Duration{}, calls: map[string]int{}, running: map[string]int{}, most: map[string]int{},
		monitors: map[string]map[string]any{}, held: true,
		health: `{"vm": "down", "health": "bad", "detail": "unknown", "reason": "vm not running on this host"}`,
	}
}

// call is what every method begins with.
func (b *fakeBroker) call(ctx context.Context, method string) error {
	b.mu.Lock()
	delay, err := b.delay[method], b.fail
	b.calls[method]++
	b.running[method]++
	b.most[method] = max(b.most[method], b.running[method])
	b.mu.Unlock()
	defer func() {
		b.mu.Lock()
		b.running[method]--
		b.mu.Unlock()
	}()
	if delay == hang {
		<-ctx.Done()
		return context.Cause(ctx)
	}
	if delay > 0 && !sleep(ctx, delay) {
		return context.Cause(ctx)
	}
	return err
}

func (b *fakeBroker) GetView(ctx context.Context) (brokerlink.View, error) {
	if err := b.call(ctx, "get_view"); err != nil {
		return brokerlink.View{}, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	v := brokerlink.View{Now: b.clock.Now().Seconds(), ReadAge: 1, Segments: []brokerlink.SegmentView{{HostID: 1, Durable: true}}}
	if b.held {
		v.Lease = brokerlink.LeaseView{State: brokerlink.LeaseHeld, HostID: 1, Age: 1}
	}
	return v, nil
}

func (b *fakeBroker) PutStats(ctx context.Context, hostID int, data []byte) (bool, error) {
	if err := b.call(ctx, "put_stats"); err != nil {
		return false, err
	}
	record, err := whiteboard.Decode(hostID, data)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.put = append(b.put, record)
	return err == nil, nil
}

func (b *fakeBroker) PushHostsState(ctx context.Context, alive []int) (bool, error) {
	if err := b.call(ctx, "push_hosts_state"); err != nil {
		return false, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pushed = append(b.pushed, alive)
	return true, nil
}

func (b *fakeBroker) LockHostID(ctx context.Context, _ int) (bool, error) {
	err := b.call(ctx, "lock_host_id")
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.held, err
}

func (b *fakeBroker) ReleaseHostID(ctx context.Context) (bool, error) {
	if err := b.call(ctx, "release_host_id"); err != nil {
		return false, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.released = true
	return true, nil
}

func (b *fakeBroker) StartMonitor(ctx context.Context, typ string, options map[string]any) (string, bool, error) {
	if err := b.call(ctx, "start_monitor"); err != nil {
		return "", false, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.starts++
	b.monitors[typ] = options
	return typ, true, nil
}

func (b *fakeBroker) StatusMonitor(ctx context.Context, id string) (string, bool, error) {
	if err := b.call(ctx, "status_monitor"); err != nil {
		return "", false, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, known := b.monitors[id]; !known {
		return "", false, nil
	}
	if id == "storage-domain" {
		return "True", true, nil
	}
	return b.health, true, nil
}

func (b *fakeBroker) Notify(ctx context.Context, event, detail string, options map[string]any) (string, bool, error) {
	if err := b.call(ctx, "notify"); err != nil {
		return "", false, err
	}
	if event != "state_transition" || options["hostname"] != "host1" {
		return "", false, errors.New("wrong notification")
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.notified = append(b.notified, detail)
	return "sent", true, nil
}

// with changes the broker while the agent runs.
func (b *fakeBroker) with(change func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change()
}

// locks returns how often the host id was asked for.
func (b *fakeBroker) locks() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.calls["lock_host_id"]
}

// fakeEngine is a driver whose answers a test chooses.
type fakeEngine struct {
	mu     sync.Mutex
	calls  []string
	answer func(ctx context.Context, call string) error
}

func (e *fakeEngine) do(ctx context.Context, call string) error {
	e.mu.Lock()
	e.calls = append(e.calls, call)
	answer := e.answer
	e.mu.Unlock()
	if answer == nil {
		return nil
	}
	return answer(ctx, call)
}

func (e *fakeEngine) Start(ctx context.Context) error { return e.do(ctx, "start") }

func (e *fakeEngine) Stop(ctx context.Context, force bool) error {
	if force {
		return e.do(ctx, "force-stop")
	}
	return e.do(ctx, "stop")
}

func (e *fakeEngine) Status(context.Context) (vm.Status, error) { return vm.Status{}, nil }

func (e *fakeEngine) called() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]string(nil), e.calls...)
}

// lockedBuffer is a log that can be read while it is written.
type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

// bed is an agent in a bubble.
type bed struct {
	t       *testing.T
	broker  *fakeBroker
	engine  *fakeEngine
	options Options
	log     *lockedBuffer
	told    []string
	stop    context.CancelFunc
	done    chan error
}

// inBubble runs an agent in virtual time. prepare may change the bed before the agent starts.
func inBubble(t *testing.T, prepare func(*bed), story func(*bed)) {
	synctest.Test(t, func(t *testing.T) {
		tells := bubbleClock{time.Now()}
		b := &bed{t: t, broker: newFakeBroker(tells), engine: &fakeEngine{}, log: &lockedBuffer{}, done: make(chan error, 1)}
		cfg := config.Default()
		cfg.HostID = 1
		var mu sync.Mutex
		b.options = Options{
			Config: cfg, HostName: "host1", Broker: b.broker, Engine: b.engine, Clock: tells, Log: slog.New(slog.NewJSONHandler(b.log, nil)),
			Notify: func(message string) error {
				mu.Lock()
				defer mu.Unlock()
				b.told = append(b.told, message)
				return nil
			},
		}
		if prepare != nil {
			prepare(b)
		}
		ctx, stop := context.WithCancel(t.Context())
		b.stop = stop
		go func() { b.done <- Run(ctx, b.options) }()
		defer func() { // also after a failed assertion, which ends the story half-way
			stop()
			select {
			case err := <-b.done:
				t.Logf("the agent ended: %v", err)
			case <-time.After(time.Minute):
				t.Error("the agent did not end within a minute of its stop")
			}
		}()
		story(b)
	})
}

// let lets time pass.
func (b *bed) let(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// line is a line of the log.
type line map[string]any

func (b *bed) lines(msg string) []line {
	b.t.Helper()
	b.log.mu.Lock()
	defer b.log.mu.Unlock()
	var found []line
	for text := range strings.Lines(b.log.text.String()) {
		var l line
		require.NoError(b.t, json.Unmarshal([]byte(text), &l), "%s", text)
		if l["msg"] == msg {
			found = append(found, l)
		}
	}
	return found
}

func (b *bed) turn() line {
	b.t.Helper()
	turns := b.lines("turn")
	require.NotEmpty(b.t, turns)
	return turns[len(turns)-1]
}
