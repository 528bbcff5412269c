package vdsm

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestEventsArriveInOrderAndAcrossReconnects(t *testing.T) {
	p := newPeer(t, func(v *visit) {
		v.greet("0,0")
		v.say(eventsID, "no JSON: nobody waits for an event")
		for i := range 3 {
			v.say(eventsID, `{"jsonrpc": "2.0", "method": "|virt|VM_status|id", "params": {"visit": %d, "n": %d}}`, v.number, i)
		}
		if v.number > 1 {
			_, _ = v.next()
		}
	})
	c := p.client(nil)
	events := make(chan Event, 100)
	stop := c.Watch(func(e Event) { events <- e })
	defer stop()
	for visit := 1; visit <= 2; visit++ {
		for n := range 3 {
			select {
			case e := <-events:
				var got struct{ Visit, N int }
				require.NoError(t, json.Unmarshal(e.Params, &got))
				require.Equal(t, "|virt|VM_status|id", e.Method)
				require.Equal(t, []int{visit, n}, []int{got.Visit, got.N})
				require.NotZero(t, e.At)
			case <-time.After(soon):
				t.Fatalf("event %d of connection %d did not arrive", n, visit)
			}
		}
	}
}

func TestNobodyIsToldAfterStop(t *testing.T) {
	p := newPeer(t, healthy)
	c := p.client(nil)
	c.Watch(func(Event) { t.Error("an event after stop") })()
	c.deliver(Event{})
}
