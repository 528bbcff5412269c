package vdsm

import (
	"context"
	"fmt"
	"io"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/daemons/vdsm/stomp"
)

func TestCallsShareOneConnectionAndOvertakeEachOther(t *testing.T) {
	const calls = 20
	p := newPeer(t, func(v *visit) {
		if !v.greet("0,0") {
			return
		}
		var all []received
		for range calls {
			r, ok := v.next()
			if !ok {
				return
			}
			all = append(all, r)
		}
		for i := range all { // the last first
			r := all[len(all)-1-i]
			v.result(r.ID, fmt.Sprintf(`[{"status": "Up", "exitMessage": %q}]`, r.Params["vmID"]))
		}
		_, _ = v.next()
	})
	c := p.client(nil)
	var group sync.WaitGroup
	got, errs := make([]VMStats, calls), make([]error, calls)
	for i := range calls {
		group.Go(func() { got[i], errs[i] = c.VMGetStats(t.Context(), fmt.Sprint(i)) })
	}
	group.Wait()
	for i := range calls {
		require.NoError(t, errs[i])
		require.Equal(t, fmt.Sprint(i), string(got[i].ExitMessage), "the answer of another call")
	}
	require.EqualValues(t, 1, p.opened.Load())
	require.True(t, c.State().Connected)
	require.Zero(t, c.State().Calls)
}

func TestARefusalHasItsCode(t *testing.T) {
	p := newPeer(t, func(v *visit) {
		v.greet("0,0")
		r, _ := v.next()
		v.refuse(r.ID, CodeNoSuchVM)
		_, _ = v.next()
	})
	_, err := p.client(nil).VMGetStats(t.Context(), "id")
	require.Equal(t, KindRefused, KindOf(err))
	require.Equal(t, CodeNoSuchVM, CodeOf(err))
	require.ErrorContains(t, err, "the virtual machine is not on this host")
}

func TestARecoveringVDSMIsWaitedFor(t *testing.T) {
	p := newPeer(t, func(v *visit) {
		v.greet("0,0")
		for i := 0; ; i++ {
			r, ok := v.next()
			switch {
			case !ok:
				return
			case i < 3:
				v.refuse(r.ID, CodeRecovering)
			default:
				v.result(r.ID, `{"memFree": 12}`)
			}
		}
	})
	stats, err := p.client(nil).HostGetStats(t.Context())
	require.NoError(t, err)
	require.Equal(t, Text("12"), stats.MemFree)
}

func TestARecoveringVDSMIsNotWaitedForPastTheDeadline(t *testing.T) {
	p := newPeer(t, func(v *visit) {
		v.greet("0,0")
		for {
			r, ok := v.next()
			if !ok {
				return
			}
			v.refuse(r.ID, CodeRecovering)
		}
	})
	c := p.client(func(o *Options) { o.Timeout = 200 * time.Millisecond })
	require.Equal(t, CodeRecovering, CodeOf(c.Ping2(t.Context())))
}

// A frozen server costs each call its deadline and nothing else: one connection at a time, no goroutine or descriptor
// per call, and health again right after.
func TestAFrozenServerPilesUpNothing(t *testing.T) {
	frozen, thaw := context.WithCancel(context.Background())
	p := newPeer(t, func(v *visit) {
		if v.number == 1 {
			v.greet("0,0")
		}
		<-frozen.Done() // as if stopped: what is connected later is not even greeted
		if v.number > 1 {
			healthy(v)
		}
	})
	t.Cleanup(thaw) // before the peer waits for its visitors, also when the test has failed
	before, goroutines := descriptors(t), runtime.NumGoroutine()
	c := p.client(func(o *Options) { o.Timeout, o.PingTimeout = 150*time.Millisecond, 100*time.Millisecond })
	for range 10 {
		var group sync.WaitGroup
		for range 20 {
			group.Go(func() {
				start := time.Now()
				if err := c.Ping2(t.Context()); err == nil {
					t.Error("a frozen server answered")
				}
				if took := time.Since(start); took > soon/2 {
					t.Errorf("a call took %s, its deadline is 150ms", took)
				}
			})
		}
		group.Wait()
		// What is on its way in or out is neither counted by the peer nor gone from the client, so each has a moment to settle.
		// The listener, one connection of each side; the peer keeps the ends that the client gave up until it thaws.
		require.Eventually(t, func() bool { return descriptors(t) <= before+2+int(p.opened.Load()) }, soon, 10*time.Millisecond, "descriptors pile up")
		// Of the client: the attempt or the connection's reader, its writer, a ping; one is this look's own. Of the peer: one per connection.
		require.Eventually(t, func() bool { return runtime.NumGoroutine() <= goroutines+7+int(p.opened.Load()) }, soon, 10*time.Millisecond, "goroutines pile up")
	}
	require.Zero(t, c.State().Calls)
	require.False(t, c.State().Connected, "a connection that does not answer a ping is dropped")
	require.Greater(t, p.opened.Load(), int32(1))
	thaw()
	require.Eventually(t, func() bool { return c.Ping2(t.Context()) == nil }, soon, 10*time.Millisecond)
}

func TestASlowVerbDoesNotCostTheConnection(t *testing.T) {
	p := newPeer(t, func(v *visit) {
		v.greet("0,0")
		for {
			r, ok := v.next()
			if !ok {
				return
			}
			if r.Method != "Host.getStats" {
				v.result(r.ID, "null")
			}
		}
	})
	c := p.client(func(o *Options) { o.Timeout = 100 * time.Millisecond })
	for range 3 {
		_, err := c.HostGetStats(t.Context())
		require.Equal(t, KindTimeout, KindOf(err), "%v", err)
	}
	require.Eventually(t, func() bool { return c.Ping2(t.Context()) == nil }, soon, time.Millisecond)
	require.EqualValues(t, 1, p.opened.Load())
}

func TestSilenceWithoutHeartBeatsEndsTheConnection(t *testing.T) {
	p := newPeer(t, func(v *visit) {
		v.greet("1000,0")
		if v.number == 1 {
			time.Sleep(100 * time.Millisecond)
			_, _ = v.Write([]byte("\n"))
			_, _ = v.next() // the end of the connection: it never speaks again
			return
		}
		for {
			time.Sleep(200 * time.Millisecond)
			if _, err := v.Write([]byte("\n")); err != nil {
				return
			}
		}
	})
	c := p.client(func(o *Options) { o.HeartBeat = time.Second })
	c.Watch(func(Event) {}) // keeps a connection without calls
	require.Eventually(t, func() bool { return c.State().Connects == 2 }, soon, 10*time.Millisecond, "silence went unnoticed")
	time.Sleep(2 * time.Second) // more than the silence allowed
	require.EqualValues(t, 2, c.State().Connects, "a connection with heart-beats was dropped")
}

func TestARestartedServerIsFoundAgain(t *testing.T) {
	p := newPeer(t, healthy)
	c := p.client(nil)
	for range 3 {
		require.Eventually(t, func() bool { return c.Ping2(t.Context()) == nil }, soon, time.Millisecond)
		p.cut()
		require.Eventually(t, func() bool { return !c.State().Connected }, soon, time.Millisecond)
		require.NotEmpty(t, c.State().Problem)
	}
}

func TestACallUnderWayIsNotSentAgain(t *testing.T) {
	var mu sync.Mutex
	created := 0
	p := newPeer(t, func(v *visit) {
		v.greet("0,0")
		if r, ok := v.next(); ok && r.Method == "VM.create" {
			mu.Lock()
			created++
			mu.Unlock()
		}
	})
	_, err := p.client(nil).VMCreate(t.Context(), "id", nil)
	require.Equal(t, KindEnded, KindOf(err), "%v", err)
	mu.Lock()
	defer mu.Unlock()
	require.Equal(t, 1, created)
}

func TestWhatIsNotVDSMIsRefused(t *testing.T) {
	for name, serve := range map[string]func(*visit){
		"another protocol": func(v *visit) { _, _ = io.WriteString(v, "HTTP/1.1 400 Bad Request\r\n\r\n") },
		"STOMP refuses":    func(v *visit) { v.send(stomp.Frame{Command: stomp.Error, Body: []byte("Version unsupported")}) },
		"garbage later": func(v *visit) {
			v.greet("0,0")
			_, _ = v.next()
			_, _ = io.WriteString(v, "\x00\xff\xfe garbage")
		},
		"no JSON": func(v *visit) {
			v.greet("0,0")
			_, _ = v.next()
			v.say(v.replies, "[1, 2")
		},
		"huge": func(v *visit) {
			v.greet("0,0")
			_, _ = v.next()
			_, _ = fmt.Fprintf(v, "MESSAGE\ncontent-length:%d\n\n", 2<<20)
		},
		"another shape": func(v *visit) {
			v.greet("0,0")
			r, _ := v.next()
			v.result(r.ID, `"a text"`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPeer(t, func(v *visit) {
				serve(v)
				_, _ = io.Copy(io.Discard, v) // until the client leaves
			})
			_, err := p.client(func(o *Options) { o.MaxMessage = 1 << 20 }).HostGetStats(t.Context())
			require.Equal(t, KindProtocol, KindOf(err), "%v", err)
		})
	}
}

func TestNobodyListens(t *testing.T) {
	p := newPeer(t, healthy)
	p.listener.Close()
	c := p.client(func(o *Options) { o.RetryPause = time.Hour })
	for range 3 {
		err := c.Ping2(t.Context())
		require.Equal(t, KindDown, KindOf(err), "%v", err)
	}
	require.NotEmpty(t, c.State().Problem)
}

func TestTooManyCallsAreRefusedAtOnce(t *testing.T) {
	p := newPeer(t, func(v *visit) { _, _ = io.Copy(io.Discard, v) })
	c := p.client(func(o *Options) { o.MaxCalls = 2 })
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	for range 2 {
		group.Go(func() {
			if err := c.Ping2(ctx); KindOf(err) != KindEnded {
				t.Errorf("a cancelled call: %v", err)
			}
		})
	}
	require.Eventually(t, func() bool { return c.State().Calls == 2 }, soon, time.Millisecond)
	require.Equal(t, KindBusy, KindOf(c.Ping2(t.Context())))
	cancel()
	group.Wait()
}

func TestCloseEndsCalls(t *testing.T) {
	p := newPeer(t, func(v *visit) {
		v.greet("0,0")
		_, _ = io.Copy(io.Discard, v)
	})
	c := p.client(nil)
	ended := make(chan error, 1)
	go func() { ended <- c.Ping2(context.Background()) }()
	require.Eventually(t, func() bool { return c.State().Connected }, soon, time.Millisecond)
	c.Close()
	require.Equal(t, KindEnded, KindOf(<-ended))
	require.Equal(t, KindEnded, KindOf(c.Ping2(t.Context())))
}

// The caller has given up before its request was sent: VDSM must not carry it out.
func TestAGivenUpCallIsNotSent(t *testing.T) {
	near, far := net.Pipe()
	defer far.Close()
	o := Options{Address: "localhost:1", Dial: func(context.Context) (net.Conn, error) { return near, nil }, Timeout: time.Second}
	require.NoError(t, o.complete())
	conn := newConnection(t.Context(), near, o, func(Event) {})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r, err := newRequest("VM.create", nil)
	require.NoError(t, err)
	conn.queue <- outgoing{ctx, []byte("given up")}
	conn.queue <- outgoing{t.Context(), r.body}
	done := make(chan struct{})
	go func() { conn.writeAll(); close(done) }()
	buffer := make([]byte, 1<<10)
	n, err := far.Read(buffer)
	require.NoError(t, err)
	require.Equal(t, string(r.body), string(buffer[:n]))
	conn.fail(&brokenError{KindEnded, io.EOF})
	<-done
}

func TestOptionsAreChecked(t *testing.T) {
	dial := func(context.Context) (net.Conn, error) { return nil, io.EOF }
	for name, o := range map[string]Options{
		"no address":       {Dial: dial},
		"no port":          {Address: "localhost", Dial: dial},
		"no files":         {Address: "localhost:1"},
		"negative time":    {Address: "localhost:1", Dial: dial, Timeout: -1},
		"short heart-beat": {Address: "localhost:1", Dial: dial, HeartBeat: time.Millisecond},
		"negative limit":   {Address: "localhost:1", Dial: dial, MaxCalls: -1},
	} {
		_, err := New(o)
		require.Error(t, err, name)
	}
}
