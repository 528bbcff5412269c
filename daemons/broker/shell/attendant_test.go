package shell

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/daemons/broker"
	"github.com/holdfast-ha/holdfast/daemons/broker/shell/door"
)

// A loop that stands still is not vouched for, and one that goes on again is.
func TestTheWatchdogHearsNothingFromALoopThatStandsStill(t *testing.T) {
	said := make(chan string, 1000)
	a := newAttendant(Options{
		Log: slog.New(slog.DiscardHandler), Watchdog: 400 * time.Millisecond,
		Notify: func(state string) error { said <- state; return nil },
	}, &door.Socket{}, func() string { return "" })
	defer a.stop(10 * time.Second)
	require.Equal(t, "WATCHDOG=1", hear(t, said, a.turn), "while the loop turns")
	time.Sleep(400 * time.Millisecond)
	for len(said) > 0 {
		<-said
	}
	time.Sleep(1200 * time.Millisecond)
	require.Empty(t, said, "the loop stands still")
	require.Equal(t, "WATCHDOG=1", hear(t, said, a.turn), "and turns again")
}

// hear turns the loop until something was said.
func hear(t *testing.T, said <-chan string, turn func()) string {
	t.Helper()
	for range 2000 {
		turn()
		select {
		case state := <-said:
			return state
		case <-time.After(10 * time.Millisecond):
		}
	}
	t.Fatal("the manager hears nothing")
	return ""
}

func TestTheSharesAreAllOfTheGrace(t *testing.T) {
	const grace, log = 10 * time.Second, 10 * time.Second / 10
	whole := share(grace, endShare) + share(grace, hangUpShare) + share(grace, farewellShare) + share(grace, dismantleShare) + log
	require.LessOrEqual(t, whole, grace, "with everything stuck at once")
}

// Who asks a core that has ended is told so at once; an answer that came with the end still arrives.
func TestNobodyWaitsForACoreThatHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCalls(newInbox())
		began := time.Now()
		time.AfterFunc(time.Second, c.end)
		_, err := c.ask(t.Context(), time.Hour, func(broker.Token) broker.Event { return broker.Stop{} })
		require.ErrorIs(t, err, errNoReply)
		require.Equal(t, time.Second, time.Since(began))
		reply, err := c.ask(t.Context(), time.Hour, func(token broker.Token) broker.Event {
			c.answer(broker.Reply{Token: token, OK: true})
			return broker.Stop{}
		})
		require.NoError(t, err)
		require.True(t, reply.OK)
	})
}

// A caller that goes away is reported, so that the core does not remember it for as long as it wanted to wait.
func TestACallerThatGoesAwayIsReported(t *testing.T) {
	in := newInbox()
	c := newCalls(in)
	ctx, cancel := context.WithCancel(t.Context())
	var asked broker.Token
	_, err := c.ask(ctx, time.Hour, func(token broker.Token) broker.Event {
		asked = token
		cancel()
		return broker.Stop{}
	})
	require.ErrorIs(t, err, errNoReply)
	require.Equal(t, []broker.Event{broker.Stop{}, broker.CallerGone{Token: asked}}, in.drain())
	require.Empty(t, c.waiting)
}
