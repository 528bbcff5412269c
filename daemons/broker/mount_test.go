package broker

import (
	"errors"
	"io/fs"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/daemons/health"
)

var errMount = errors.New("mount.nfs: Connection refused")

// nothingStarted checks that no lane but the mount lane has work.
func (r *rig) nothingStarted() {
	r.t.Helper()
	require.Nil(r.t, r.writing, "a write was started")
	require.False(r.t, r.reading, "a pass was started")
	require.Zero(r.t, r.leasing, "a lease operation was started")
	require.Zero(r.t, r.domain, "a domain operation was started")
}

func (r *rig) connect(limit time.Duration) Token {
	r.t.Helper()
	return r.call(limit, func(token Token, until clock.Mono) Event { return ConnectWanted{Token: token, Until: until} })
}

func TestNothingTouchesStorageBeforeItIsConnected(t *testing.T) {
	r := newBareRig(t, testSettings())
	r.step(Tick{})
	require.Equal(t, MountConnect, r.mounting, "the core connects by itself")
	r.mustPut(0, on())
	r.mustPut(3, record(t, 3, 100))
	require.False(t, r.lock().OK)
	r.step(DomainWanted{On: true, HostID: 3})
	r.wait(time.Minute)
	r.nothingStarted()
	require.Equal(t, "connecting", r.snapshot.Mount.State)
	require.Equal(t, Ready{}, r.snapshot.Mount.Ready)
	require.Contains(t, r.snapshot.Storage, "connecting")
	require.Contains(t, r.snapshot.Lease.Detail, "connecting")
	require.True(t, r.state(0).Pending, "what was accepted waits")

	r.finishMount(nil)
	require.Equal(t, "connected", r.snapshot.Mount.State)
	require.Equal(t, ready(), r.snapshot.Mount.Ready)
	require.Empty(t, r.snapshot.Storage)
	require.NotNil(t, r.writing)
	require.True(t, r.reading)
	require.Equal(t, LeasePoll, r.leasing)
	require.Equal(t, DomainStart, r.domain)
}

// Upstream's broker ends when storage cannot be connected at its start, or stays behind without a socket.
func TestAStartWithStorageDownServesAndHealsByItself_S21_S22(t *testing.T) {
	r := newBareRig(t, testSettings())
	r.step(Tick{})
	for i, pause := range []int{5, 10, 20, 40, 60, 60, 60} {
		require.Equal(t, MountConnect, r.mounting, "attempt %d", i)
		r.finishMount(errMount)
		require.Zero(t, r.mounting, "not at once")
		require.Equal(t, i+1, r.snapshot.Mount.Failures)
		require.Equal(t, "failing", r.snapshot.Mount.State)
		require.Contains(t, r.snapshot.Mount.Detail, "Connection refused")
		require.Contains(t, r.snapshot.Storage, "Connection refused")
		require.True(t, r.warns(health.MountFailing))
		require.False(t, r.warns(health.ReaderBlind), "failing to connect is the cause")
		require.True(t, r.put(0, on()).OK)
		require.False(t, r.lock().OK)
		r.nothingStarted()
		r.wait(time.Duration(pause)*time.Second - 100*time.Millisecond)
		require.Zero(t, r.mounting, "after %d failures the pause is %d s", i+1, pause)
		r.wait(100 * time.Millisecond)
	}
	r.finishMount(nil)
	require.False(t, r.warns(health.MountFailing))
	require.Equal(t, 0, r.writing.Segment)
	require.Zero(t, r.snapshot.Mount.Failures)
}

func TestConnectingIsHurriedOnCommandAndAnsweredWhenItIsDone(t *testing.T) {
	r := newBareRig(t, testSettings())
	r.step(Tick{})
	r.finishMount(errMount)
	r.wait(time.Second)
	token := r.connect(30 * time.Second)
	require.Equal(t, MountConnect, r.mounting, "an operator does not wait for the pause to end")
	r.finishMount(errMount)
	r.mustWait(token)
	at := r.connect(0)
	r.mustAnswer(at, false, "Connection refused")
	require.Equal(t, MountConnect, r.mounting)
	r.finishMount(nil)
	r.mustAnswer(token, true, "")
	r.mustAnswer(r.connect(0), true, "")
}

func TestConnectingIsAnsweredAtItsDeadline(t *testing.T) {
	r := newBareRig(t, testSettings())
	r.step(Tick{})
	token := r.connect(10 * time.Second)
	r.wait(9900 * time.Millisecond)
	r.mustWait(token)
	r.wait(100 * time.Millisecond)
	r.mustAnswer(token, false, "connecting")
	require.Equal(t, MountConnect, r.mounting, "it goes on")
}

func TestRepeatedFailuresConnectAgain_S4(t *testing.T) {
	r := newRig(t, testSettings())
	r.finishRead(nil, nil)
	for i := range 3 {
		require.Zero(t, r.mounting, "after %d failed reads", i)
		r.waitForRead()
		r.finishRead(nil, errIO)
	}
	require.Equal(t, MountReconnect, r.mounting)
	require.Equal(t, "failing", r.snapshot.Mount.State)
	require.Contains(t, r.snapshot.Mount.Detail, "input/output error")
	r.wait(30 * time.Second)
	require.True(t, r.reading, "reading goes on while the mount lane works")
	r.mustPut(0, on())
	require.NotNil(t, r.writing, "and so does writing")

	r.finishMount(nil)
	require.Equal(t, "failing", r.snapshot.Mount.State, "whether it helped is not known yet")
	require.False(t, r.warns(health.MountFailing))
	r.finishRead(nil, errIO)
	require.Zero(t, r.mounting, "5 s between two attempts")
	r.wait(5 * time.Second)
	require.Equal(t, MountReconnect, r.mounting)
	r.finishMount(errMount)
	require.True(t, r.warns(health.MountFailing))
	require.True(t, r.warns(health.StorageErrors))

	r.waitForRead()
	r.finishRead(nil, nil)
	require.Equal(t, "connected", r.snapshot.Mount.State, "storage works again, whatever the last attempt said")
	require.Zero(t, r.snapshot.Mount.Failures)
	require.False(t, r.warns(health.MountFailing))
	r.wait(5 * time.Minute)
	require.Zero(t, r.mounting)
}

func TestFailedWritesConnectAgainToo(t *testing.T) {
	r := newRig(t, testSettings())
	r.idleReader()
	r.mustPut(0, on())
	for range 3 {
		require.Zero(t, r.mounting)
		r.waitForWrite()
		r.finishWrite(errIO)
	}
	require.Equal(t, MountReconnect, r.mounting)
	r.finishMount(nil)
	r.waitForWrite()
	r.finishWrite(nil)
	require.Equal(t, "connected", r.snapshot.Mount.State)
}

// Without the lease nothing is written that could show whether writing works again.
func TestFailedWritesAreForgottenWhenNothingIsLeftToWrite(t *testing.T) {
	r := newRig(t, testSettings())
	r.hold()
	r.mustPut(3, record(t, 3, 100))
	for range 3 {
		r.waitForWrite()
		r.finishWrite(errIO)
	}
	require.Equal(t, "failing", r.snapshot.Mount.State)
	r.poll(SeenAbsent)
	require.Equal(t, Lost, r.core.lease.state)
	if r.writing != nil {
		r.finishWrite(errIO)
	}
	r.finishMount(nil)
	r.waitForRead()
	r.finishRead(nil, nil)
	require.Equal(t, "connected", r.snapshot.Mount.State)
}

func TestAnAttemptThatDoesNotHelpIsRepeatedWithPauses(t *testing.T) {
	r := newRig(t, testSettings())
	r.finishRead(nil, nil)
	var at []time.Duration
	last := r.now
	for i := 0; i < 10_000 && len(at) < 7; i++ {
		r.wait(100 * time.Millisecond)
		if r.reading {
			r.finishRead(nil, errIO)
		}
		if r.mounting != 0 {
			at = append(at, r.now.Sub(last).Round(time.Second))
			last = r.now
			r.finishMount(nil)
		}
	}
	require.Len(t, at, 7, "attempts in 1000 s")
	for i, least := range []int{5, 10, 20, 40, 60, 60} {
		require.GreaterOrEqual(t, at[i+1], time.Duration(least)*time.Second, "%v", at)
		require.LessOrEqual(t, at[i+1], time.Duration(least+11)*time.Second, "%v", at)
	}
}

func TestAHangConnectsNothingAgain(t *testing.T) {
	r := newRig(t, testSettings())
	r.mustPut(0, on())
	r.wait(10 * time.Minute)
	require.True(t, r.reading)
	require.NotNil(t, r.writing)
	require.Zero(t, r.mounting, "the calls may still return; connecting again would not end them")
	require.True(t, r.warns(health.StorageStalled))
}

func TestAWhiteboardThatIsGoneConnectsAgainAtOnce(t *testing.T) {
	r := newRig(t, testSettings())
	r.finishRead(nil, &fs.PathError{Op: "open", Path: "/run/wb", Err: fs.ErrNotExist})
	require.Equal(t, MountReconnect, r.mounting, "a volume that was torn down has to be prepared again")
	require.True(t, r.warns(health.StorageMissing))
}

func TestVolumesThatAreGivenAreNotConnectedAgain(t *testing.T) {
	set := testSettings()
	set.MustConnect = false
	r := newRig(t, set)
	for range 20 {
		r.waitForRead()
		r.finishRead(nil, errIO)
		require.Zero(t, r.mounting)
	}
	require.Equal(t, "failing", r.snapshot.Mount.State)
	token := r.connect(time.Minute)
	r.mustWait(token)
	r.waitForRead()
	r.finishRead(nil, nil)
	require.Equal(t, "connected", r.snapshot.Mount.State)
	r.mustAnswer(token, true, "")
}

// A result that belongs to a storage which was taken away meanwhile says nothing about what is there now.
func TestALateResultFromBeforeADisconnectChangesNothing(t *testing.T) {
	r := newRig(t, testSettings())
	r.mustPut(0, on())
	r.step(DisconnectWanted{})
	r.wait(5 * time.Second)
	require.Equal(t, MountDisconnect, r.mounting, "the stuck lanes had their time")
	r.finishMount(nil)
	r.step(ConnectWanted{})
	require.Equal(t, MountConnect, r.mounting)
	r.finishMount(nil)
	require.NotNil(t, r.writing, "still the write that hangs")

	r.finishWrite(nil)
	require.False(t, r.state(0).Durable, "it was written to what was there before")
	require.NotNil(t, r.writing, "and is written again")
	r.finishWrite(nil)
	require.True(t, r.state(0).Durable)

	r.finishRead(map[int][]byte{7: record(t, 7, 1)}, nil)
	_, there := r.snapshot.Segment(7)
	require.False(t, there, "a view of the storage as it was before")
	require.True(t, r.reading, "and is read again at once")
}

func TestAMountOperationThatNobodyStartedIsIgnored(t *testing.T) {
	r := newRig(t, testSettings())
	before := r.core.String()
	r.step(MountDone{Op: MountDisconnect})
	r.step(MountDone{Op: MountConnect, Err: errMount})
	r.step(DomainDone{Op: DomainStop})
	require.Equal(t, before, r.core.String())
}

// However long the mount lane is stuck, and in which operation: a record that may be written is written at once.
func TestAStuckMountDelaysNoWrite(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		w.step(LockWanted{HostID: 3})
		w.heal()
		for range 3 { // three failed reads bring the mount lane to work, and it never comes back
			for range 1000 {
				if w.reading == nil {
					w.pass(100 * time.Millisecond)
				}
			}
			w.finishRead(errIO)
			if w.leasing != 0 {
				w.finishLease(nil)
			}
		}
		require.Equal(t, MountReconnect, w.mounting)
		for range rapid.IntRange(1, 30).Draw(t, "records") {
			if rapid.Bool().Draw(t, "own") {
				w.stamp++
				w.step(Put{Token: w.token(), Segment: 3, Data: record(t, 3, w.stamp)})
			} else {
				w.step(Put{Token: w.token(), Segment: 0, Data: on()})
			}
			require.NotNil(t, w.writing, "not written at once")
			w.finishWrite(nil, true)
			if w.leasing != 0 {
				w.finishLease(nil)
			}
			w.pass(time.Duration(rapid.IntRange(0, 5000).Draw(t, "ms")) * time.Millisecond)
		}
		require.Equal(t, MountReconnect, w.mounting)
	})
}
