package vdsm

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/daemons/vdsm"
	"github.com/holdfast-ha/holdfast/daemons/vm"
)

// However VDSM's times run, an event outweighs answers for a bounded time: the view never freezes.
func TestTheViewNeverFreezes_S23(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		event := vm.Status{
			StatusTime: rapid.Int64Min(0).Draw(t, "notify_time"), ObservedAt: clock.Mono(rapid.Int64Range(0, 1<<60).Draw(t, "arrival")),
		}
		answer := vm.Status{
			StatusTime: rapid.Int64Min(0).Draw(t, "statusTime"),
			ObservedAt: event.ObservedAt.Add(eventLife).Add(1),
		}
		require.False(t, outweighs(event, answer))
	})
}

func FuzzEvent(f *testing.F) {
	f.Add([]byte(`{"` + id + `": {"status": "Down", "exitReason": "4"}, "notify_time": 10000000000}`))
	f.Add([]byte(`{"` + id + `": {"status": "Up", "cpuUser": "nan"}, "notify_time": "None"}`))
	f.Add([]byte(`{"notify_time": {}}`))
	f.Fuzz(func(t *testing.T, params []byte) {
		status, ok := fromEvent(vdsm.Event{Method: "|virt|VM_status|" + id, Params: json.RawMessage(params), At: 5}, id)
		if ok && (status.Status == "" || status.StatusTime < 0 || status.ObservedAt != 5) {
			t.Fatalf("%+v of %s", status, params)
		}
	})
}
