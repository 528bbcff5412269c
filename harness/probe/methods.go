package probe

import (
	"errors"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/brokerlink"
	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/daemons/whiteboard"
	"github.com/holdfast-ha/holdfast/daemons/xmlrpc"
)

// How often at most an answer is decoded and written down. The loop may call more often.
const (
	lanesEvery  = 100 * time.Millisecond
	healthEvery = 100 * time.Millisecond
	viewEvery   = 200 * time.Millisecond
	statusEvery = time.Second
)

// method is one method of the broker and how the probe calls it.
type method struct {
	name string
	args func(now clock.Mono) ([]any, form)

	// read, if set, takes an answer or an error, not more often than every. It returns a line, or nil.
	read  func(answer any, err error, now clock.Mono) any
	every time.Duration

	// seldom makes it be called at a fifth of the rate: methods that no agent calls all the time.
	seldom bool
}

// seldomness is how many periods lie between two turns of a method that is called seldom.
const seldomness = 5

// atOnce is the wait, in seconds, that keeps a method that waits from waiting.
const atOnce = 0.0

// shortRecord is refused by the broker's core, for it is no whole sector.
const shortRecord = "p"

// extra is the argument too many that makes the broker refuse a call.
const extra = "probe: one argument too many"

// methods lists what is called; Methods has the names.
func methods(o Options, k *knowledge) []method {
	always := func(args ...any) func(clock.Mono) ([]any, form) {
		return func(clock.Mono) ([]any, form) { return args, formReal }
	}
	// refused calls a method that takes so many arguments with one more.
	refused := func(takes int) func(clock.Mono) ([]any, form) {
		args := make([]any, takes+1)
		for i := range args {
			args[i] = extra
		}
		return func(clock.Mono) ([]any, form) { return args, formDispatch }
	}
	// foreign calls a method of a host id with another host's: the broker's core looks at it and refuses, so that measuring neither takes
	// a lease that was given back nor starts what was stopped. A broker that may not refuse is not asked that way.
	foreign := func(takes int) func(clock.Mono) ([]any, form) {
		if !o.Replay {
			return refused(takes)
		}
		return always(o.HostID%whiteboard.MaxHostID+1, atOnce)
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
		{name: "lock_host_id", args: foreign(2)},
		{name: "release_host_id", args: refused(1)},
		{name: "reset_lockspace", args: refused(1)},
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
		{name: "get_status", args: always(), every: statusEvery, seldom: true, read: func(answer any, err error, now clock.Mono) any {
			line := Status{Head: Head{KindStatus, now.Seconds()}}
			if line.Status, err = decodeAnswer(answer, err, brokerlink.DecodeStatus); err != nil {
				line.Err = err.Error()
			}
			line.Monitors = orEmpty(line.Monitors)
			return line
		}},
		{name: "start_domain_monitor", seldom: true, args: foreign(2)},
		{name: "stop_domain_monitor", seldom: true, args: refused(1)},
		{name: "put_stats_wait", seldom: true, args: func(now clock.Mono) ([]any, form) {
			if !o.Replay {
				return []any{o.HostID, []byte(shortRecord), atOnce}, formDispatch
			}
			record := k.ownRecord(now)
			if record == nil {
				return nil, formSkip
			}
			return []any{o.HostID, record, atOnce}, formReal
		}},
		{name: "connect_storage", seldom: true, args: refused(1)},
		{name: "disconnect_storage", seldom: true, args: refused(1)},
		{name: "get_shared_file", seldom: true, args: always("vm.conf")},
		{name: "put_shared_file", seldom: true, args: refused(3)},
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
