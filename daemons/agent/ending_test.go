package agent

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// stopping runs a core that was told to stop, and returns how long it took to quit. answers says what becomes of the effects.
func stopping(t *testing.T, answers func(Effect) []Event) (Quit, time.Duration) {
	t.Helper()
	c := newCore(t)
	c.Step(at10ths(0), tickAt(at10ths(0)))
	began := at10ths(10)
	require.Empty(t, c.Step(began, Stop{}))
	require.Empty(t, c.Step(began, Stop{}))
	for n := 10; n < 300; n++ {
		effects := c.Step(at10ths(n), tickAt(at10ths(n)))
		for i := 0; i < len(effects); i++ {
			require.IsNotType(t, StopEngine{}, effects[i], "the engine VM is left running")
			if quit, over := effects[i].(Quit); over {
				require.Empty(t, c.Step(at10ths(n+1), tickAt(at10ths(n+1))))
				return quit, at10ths(n).Sub(began)
			}
			for _, e := range answers(effects[i]) {
				effects = append(effects, c.Step(at10ths(n), e)...)
			}
		}
	}
	t.Fatal("it never quits")
	return Quit{}, 0
}

func TestOrderlyStop(t *testing.T) {
	var order []string
	quit, took := stopping(t, func(e Effect) []Event {
		switch e := e.(type) {
		case Publish:
			order = append(order, "publish")
			return []Event{Published{Serial: e.Serial - 1, Failure: "late"}, Published{Serial: e.Serial}} // an earlier one ends late
		case Release:
			order = append(order, "release")
			return []Event{Released{Accepted: true}}
		}
		return nil
	})
	require.Equal(t, Quit{Published: true, Released: true}, quit)
	require.Equal(t, []string{"publish", "release"}, order, "the record goes before the host id (S19)")
	require.LessOrEqual(t, took, time.Second)
}

func TestStopWithABrokerThatAnswersNothing(t *testing.T) {
	quit, took := stopping(t, func(Effect) []Event { return nil })
	require.Equal(t, Quit{}, quit)
	require.LessOrEqual(t, took, testTiming().ShutdownGrace)
}

func TestStopWithABrokerThatRefuses(t *testing.T) {
	quit, took := stopping(t, func(e Effect) []Event {
		switch e := e.(type) {
		case Publish:
			return []Event{Published{Serial: e.Serial, Refused: true}}
		case Release:
			return []Event{Released{}}
		}
		return nil
	})
	require.Equal(t, Quit{}, quit)
	require.LessOrEqual(t, took, time.Second, "a broker that answers no is no reason to wait")
}
