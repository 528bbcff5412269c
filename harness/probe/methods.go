package probe

import (
	"errors"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/brokerlink"
	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/daemons/xmlrpc"
)

// How often at most an answer is decoded and written down. The loop may call more often.
const (
	lanesEvery  = 100 * time.Millisecond
	healthEvery = 100 * time.Millisecond
	viewEvery   = 200 * time.Millisecond
)

// method is one method of the broker and how the probe calls it.
type method struct {
	name string
	args func(now clock.Mono) ([]any, form)

	// read, if set, takes an answer or an error, not more often than every. It returns a line, or nil.
	read  func(answer any, err error, now clock.Mono) any
	every time.Duration
}

// shortRecord is refused by the broker's core, for it is no whole sector.
const shortRecord = "p"

// extra is the argument too many that makes the broker refuse a call.
const extra = "probe: one argument too many"

// methods lists what is called; Methods has the names.
func methods(o Options, k *knowledge) []method {
	always := func(args ...any) func(clock.Mono) ([]any, form) {
		return func(clock.Mono) ([]any, form) { return args, formReal }
	}
	refused := func(args ...any) func(clock.Mono) ([]any, form) {
		return func(clock.Mono) ([]any, form) { return append(args, extra), formDispatch }
	}
	return []method{
		{name: "put_stats", args: func(now clock.Mono) ([]any, form) {
			if !o.Replay {
				return []any{o.HostID, []byte(shortRecord)}, formDispatch
			}
			record := k.ownRecord(now)
			if record == nil {
				return nil, formSkip
			}
			return []any{o.HostID, record}, formReal
		}},
		{name: "get_stats", args: always()},
		{name: "push_hosts_state", args: func(clock.Mono) ([]any, form) {
			alive := k.aliveHosts()
			if len(alive) == 0 {
				return nil, formSkip
			}
			return []any{alive}, formReal
		}},
		{name: "is_host_alive", args: always(), read: func(answer any, err error, _ clock.Mono) any {
			if err == nil {
				ids, _ := xmlrpc.Ints(answer, "") // upstream's first answer is ""
				k.learnAlive(ids)
			}
			return nil
		}},
		{name: "lock_host_id", args: func(now clock.Mono) ([]any, form) {
			if k.leaseWanted(now) {
				return []any{o.HostID}, formReal
			}
			return []any{o.HostID, extra}, formDispatch
		}},
		{name: "release_host_id", args: refused()},
		{name: "reset_lockspace", args: refused()},
		{name: "start_monitor", args: always("storage-domain", map[string]any{"sd_uuid": o.SDUUID})},
		{name: "status_monitor", args: always("engine-health")},
		{name: "stop_monitor", args: always("no-such-monitor")},
		{name: "notify", args: always("probe", "probe", map[string]any{})},
		{name: "get_view", args: always(), every: viewEvery, read: func(answer any, err error, now clock.Mono) any {
			view, err := decodeAnswer(answer, err, brokerlink.DecodeView)
			if err != nil {
				return View{Head: Head{KindView, now.Seconds()}, Segments: []Segment{}, Err: err.Error()}
			}
			k.learnView(view, now)
			return withoutData(view, now)
		}},
		{name: "get_lanes", args: always(), every: lanesEvery, read: func(answer any, err error, now clock.Mono) any {
			line := Lanes{Head: Head{KindLanes, now.Seconds()}}
			if line.Lanes, err = decodeAnswer(answer, err, brokerlink.DecodeLanes); err != nil {
				line.Err = err.Error()
			}
			line.Lanes.Lanes = orEmpty(line.Lanes.Lanes)
			return line
		}},
		{name: "get_health", args: always(), every: healthEvery, read: func(answer any, err error, now clock.Mono) any {
			line := Health{Head: Head{KindHealth, now.Seconds()}}
			if line.Health, err = decodeAnswer(answer, err, brokerlink.DecodeHealth); err != nil {
				line.Err = err.Error()
			}
			line.Warnings = orEmpty(line.Warnings)
			return line
		}},
	}
}

// orEmpty makes a list that JSON shows as [] and not as null.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func decodeAnswer[T any](answer any, err error, decode func(any) (T, error)) (T, error) {
	var none T
	if err != nil {
		return none, err
	}
	if answer == nil {
		return none, errors.New("the broker answered nil")
	}
	t, err := decode(answer)
	if err != nil {
		return none, err
	}
	return t, nil
}

// Methods returns the names of the methods that the probe calls, in a fixed order.
func Methods() []string {
	all := methods(Options{}, &knowledge{})
	names := make([]string, len(all))
	for i, m := range all {
		names[i] = m.name
	}
	return names
}
