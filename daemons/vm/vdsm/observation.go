package vdsm

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/daemons/vdsm"
	"github.com/holdfast-ha/holdfast/daemons/vm"
)

// eventLife is how long an event can outweigh answers. An answer that was asked for later than this after the event's
// arrival is newer even if VDSM's times deny it: they start again when VDSM counts them otherwise.
const eventLife = 30 * time.Second

// outweighs tells whether an event is newer than the answer to a question that was asked at answer.ObservedAt.
func outweighs(event, answer vm.Status) bool {
	switch {
	case event.ObservedAt == 0 || answer.ObservedAt.Sub(event.ObservedAt) > eventLife:
		return false
	case event.StatusTime > 0 && answer.StatusTime > 0:
		return event.StatusTime > answer.StatusTime
	}
	return event.ObservedAt > answer.ObservedAt
}

// fromStats makes a status of what VDSM says.
func fromStats(s vdsm.VMStats, at clock.Mono) vm.Status {
	reason, _ := s.ExitReason.Int()
	status := vm.Status{
		Status: string(s.Status), ExitMessage: string(s.ExitMessage), ExitReason: int(reason), Exists: true,
		StatusTime: milliseconds(s.StatusTime), ObservedAt: at, CPU: load(s),
	}
	if used, ok := s.MemUsage.Float(); ok {
		status.MemoryUsed = &used
	}
	return status
}

// milliseconds reads a time; a missing one, "None" and nonsense are 0.
func milliseconds(t vdsm.Text) int64 {
	n, ok := t.Int()
	if !ok || n < 0 {
		return 0
	}
	return n
}

func load(s vdsm.VMStats) *vm.CPU {
	user, okUser := s.CPUUser.Float()
	sys, okSys := s.CPUSys.Float()
	if !okUser || !okSys {
		return nil
	}
	actual, said := s.CPUActual.Bool()
	if !said {
		actual = s.CPUUsage != "0.00" // how VDSM says it before 4.4
	}
	return &vm.CPU{User: max(user, 0), Sys: max(sys, 0), Actual: actual}
}

// fromEvent makes a status of an event about the machine with this id; ok is false for other events.
func fromEvent(e vdsm.Event, id string) (status vm.Status, ok bool) {
	if !strings.Contains(e.Method, "virt|VM_status|"+id) {
		return vm.Status{}, false
	}
	var params map[string]json.RawMessage
	if json.Unmarshal(e.Params, &params) != nil {
		return vm.Status{}, false
	}
	var stats vdsm.VMStats
	if json.Unmarshal(params[id], &stats) != nil || stats.Status == "" {
		return vm.Status{}, false
	}
	var when vdsm.Text
	if json.Unmarshal(params["notify_time"], &when) == nil {
		stats.StatusTime = when
	}
	return fromStats(stats, e.At), true
}

// merged is the event's status with the figures of the answer, which events have not.
func merged(event, answer vm.Status) vm.Status {
	if event.CPU == nil && event.Status != vm.StatusDown {
		event.CPU = answer.CPU
	}
	if event.MemoryUsed == nil && event.Status != vm.StatusDown {
		event.MemoryUsed = answer.MemoryUsed
	}
	return event
}
