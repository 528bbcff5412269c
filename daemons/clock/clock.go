// Package clock reads the two clocks that the daemons live by, behind one small interface, so that nothing else has to
// call the kernel for the time and so that tests can put a Fake in their place.
//
// The clocks are never mixed. Mono (CLOCK_MONOTONIC) measures intervals on this machine; BootSeconds
// (CLOCK_MONOTONIC_RAW) is what the whiteboard's timestamps are made of; wall time is only ever printed. Upstream
// compared one with another, which is how its retry counter was cleared on the next turn (S23).
package clock

import (
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Mono is a point in time: nanoseconds of CLOCK_MONOTONIC, counted from the boot of the machine and shared by all
// its processes and containers. It does not advance while the machine is suspended. The zero value means "never".
type Mono int64

// Now reads CLOCK_MONOTONIC.
func Now() Mono { return Mono(read(unix.CLOCK_MONOTONIC)) }

// Add returns the point in time d after m.
func (m Mono) Add(d time.Duration) Mono { return m + Mono(d) }

// Sub returns how much later m is than o; negative if m is the earlier one.
func (m Mono) Sub(o Mono) time.Duration { return time.Duration(m - o) }

// Seconds returns m in seconds since boot, as log lines and RPC answers carry it.
func (m Mono) Seconds() float64 { return float64(m) / 1e9 }

// BootSeconds reads CLOCK_MONOTONIC_RAW in whole seconds: the clock of the whiteboard's timestamps (token 2 and
// token 11 of a host's record). It is not slewed by NTP, so it drifts away from Mono; never compare the two.
func BootSeconds() int64 { return read(unix.CLOCK_MONOTONIC_RAW) / 1e9 }

// read returns a clock in nanoseconds. clock_gettime fails only for a clock that the kernel does not know, and both
// clocks used here are older than any kernel that Go runs on.
func read(id int32) int64 {
	var ts unix.Timespec
	_ = unix.ClockGettime(id, &ts)
	return ts.Nano()
}

// Clock is what the daemons' shells take the time from. Cores get the time with each event and need no Clock.
type Clock interface {
	// Now is CLOCK_MONOTONIC.
	Now() Mono
	// BootSeconds is CLOCK_MONOTONIC_RAW in whole seconds.
	BootSeconds() int64
	// Wall is the time of day, for people only.
	Wall() time.Time
}

// System returns the machine's own clocks.
func System() Clock { return system{} }

type system struct{}

func (system) Now() Mono          { return Now() }
func (system) BootSeconds() int64 { return BootSeconds() }
func (system) Wall() time.Time    { return time.Now() }

// Fake is a Clock that moves only when it is told to. It is safe for concurrent use. The zero value stands at
// Mono(0), boot second 0 and the Unix epoch in UTC.
type Fake struct {
	mu   sync.Mutex
	mono Mono      // guarded by mu
	wall time.Time // guarded by mu
}

// NewFake returns a Fake that stands at mono and wall.
func NewFake(mono Mono, wall time.Time) *Fake { return &Fake{mono: mono, wall: wall} }

// Advance moves all clocks by d, which must not be negative: monotonic clocks do not run backwards.
func (f *Fake) Advance(d time.Duration) {
	if d < 0 {
		panic("clock: Fake.Advance with a negative duration")
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mono = f.mono.Add(d)
	f.wall = f.wallLocked().Add(d)
}

// StepWall moves only the time of day, in either direction, as an NTP step does.
func (f *Fake) StepWall(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.wall = f.wallLocked().Add(d)
}

// Now returns the fake's CLOCK_MONOTONIC.
func (f *Fake) Now() Mono {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.mono
}

// BootSeconds returns the fake's monotonic clock in whole seconds, rounded down.
func (f *Fake) BootSeconds() int64 { return int64(f.Now()) / 1e9 }

// Wall returns the fake's time of day.
func (f *Fake) Wall() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.wallLocked()
}

func (f *Fake) wallLocked() time.Time {
	if f.wall.IsZero() {
		return time.Unix(0, 0).UTC()
	}
	return f.wall
}
