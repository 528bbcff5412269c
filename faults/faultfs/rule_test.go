package faultfs

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRuleValidate(t *testing.T) {
	good := []Rule{
		{Kind: Hang},
		{Kind: Hang, Ops: Ops(), File: "whiteboard.img", OffsetFrom: 8192, OffsetTo: 12288, First: 3, Probability: 0.1},
		{Kind: Latency, DelayMS: 0.5},
		{Kind: Latency, DelayMS: float64(MaxDelay.Milliseconds()), Ops: []Op{OpFsync}},
		{Kind: Hang, Ops: []Op{OpWrite, OpFsync}, OffsetTo: 1},
		{Kind: Fail, Error: "EIO"},
		{Kind: Fail, Error: "ESTALE", Ops: []Op{OpRead}, Probability: 0.5},
		{Kind: Fail, Error: "ENOSPC", Ops: []Op{OpWrite, OpAllocate}},
	}
	for _, r := range good {
		require.NoError(t, r.Validate(), "%+v", r)
	}
	bad := []struct {
		rule Rule
		want string
	}{
		{Rule{}, `kind is ""`},
		{Rule{Kind: "hag"}, `kind is "hag"`},
		{Rule{Kind: Fail}, `error is "", want one of [EIO`},
		{Rule{Kind: Fail, Error: "EPERM"}, `error is "EPERM"`},
		{Rule{Kind: Fail, Error: "EIO", DelayMS: 1}, "a request fails at once"},
		{Rule{Kind: Fail, Error: "ENOSPC"}, "a read never fails with ENOSPC"},
		{Rule{Kind: Fail, Error: "EROFS", Ops: []Op{OpRead, OpWrite}}, "a read never fails with EROFS"},
		{Rule{Kind: Hang, Error: "EIO"}, "only a rule of kind"},
		{Rule{Kind: Hang, DelayMS: 1}, "a hang lasts until it is cleared"},
		{Rule{Kind: Latency}, "delay_ms is 0"},
		{Rule{Kind: Latency, DelayMS: -1}, "delay_ms is -1"},
		{Rule{Kind: Latency, DelayMS: math.NaN()}, "delay_ms is NaN"},
		{Rule{Kind: Latency, DelayMS: math.Inf(1)}, "delay_ms is +Inf"},
		{Rule{Kind: Latency, DelayMS: float64(MaxDelay.Milliseconds()) + 1}, "at most 600000"},
		{Rule{Kind: Hang, Ops: []Op{"scribble"}}, `unknown operation "scribble"`},
		{Rule{Kind: Hang, File: "/export/whiteboard.img"}, "want a base name"},
		{Rule{Kind: Hang, File: ".."}, "want a base name"},
		{Rule{Kind: Hang, Via: "/export/host2"}, "want the base name of a mount point"},
		{Rule{Kind: Hang, OffsetFrom: -1, OffsetTo: 4}, "negative offset"},
		{Rule{Kind: Hang, OffsetFrom: 8, OffsetTo: 8}, "want more than offset_from"},
		{Rule{Kind: Hang, OffsetFrom: 8}, "want more than offset_from"},
		{Rule{Kind: Hang, Ops: []Op{OpFsync}, OffsetTo: 4096}, "never matches"},
		{Rule{Kind: Hang, First: -1}, "first is -1"},
		{Rule{Kind: Hang, Probability: 1.5}, "probability is 1.5"},
		{Rule{Kind: Hang, Probability: math.NaN()}, "probability is NaN"},
	}
	for _, b := range bad {
		require.ErrorContains(t, b.rule.Validate(), b.want, "%+v", b.rule)
	}
}

func TestRuleSelects(t *testing.T) {
	segment2 := Rule{Kind: Hang, File: "w", OffsetFrom: 8192, OffsetTo: 12288}
	for _, c := range []struct {
		rule Rule
		q    Request
		want bool
	}{
		{Rule{}, Request{Op: OpFsync, File: "x"}, true},
		{Rule{Ops: []Op{OpOpen}, File: "w"}, Request{Op: OpOpen, File: "w"}, true},
		{Rule{Ops: []Op{OpOpen}, File: "w"}, Request{Op: OpOpen, File: "x"}, false},
		{Rule{File: "w"}, Request{Op: OpOpen, File: "w"}, false},
		{Rule{File: "w"}, Request{Op: OpRead, File: "w"}, true},
		{Rule{File: "w"}, Request{Op: OpRead, File: "x"}, false},
		{Rule{Ops: []Op{OpWrite}}, Request{Op: OpRead}, false},
		{Rule{Via: "host2"}, Request{Op: OpRead, Via: "host2"}, true},
		{Rule{Via: "host2"}, Request{Op: OpRead, Via: "host1"}, false},
		{segment2, Request{Op: OpRead, File: "w", Offset: 8192, Length: 4096}, true},
		{segment2, Request{Op: OpRead, File: "w", Offset: 4096, Length: 4096}, false},
		{segment2, Request{Op: OpRead, File: "w", Offset: 12288, Length: 4096}, false},
		{segment2, Request{Op: OpWrite, File: "w", Offset: 0, Length: 1 << 20}, true},
		{segment2, Request{Op: OpWrite, File: "w", Offset: 12287, Length: 1}, true},
		{segment2, Request{Op: OpFsync, File: "w"}, false},
		{segment2, Request{Op: OpTruncate, File: "w"}, false},
	} {
		require.Equal(t, c.want, c.rule.selects(c.q), "rule %+v, request %+v", c.rule, c.q)
	}
}

func FuzzRuleValidate(f *testing.F) {
	f.Add([]byte(`{"kind":"hang","ops":["write"],"file":"w.img","offset_from":0,"offset_to":4096}`))
	f.Add([]byte(`{"kind":"latency","delay_ms":1e308}`))
	f.Add([]byte(`{"kind":"fail","error":"EIO","first":1}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var r Rule
		if json.Unmarshal(text, &r) != nil || r.Validate() != nil {
			return
		}
		// What is valid can be put into effect, and survives the wire.
		require.GreaterOrEqual(t, r.Delay(), time.Duration(0))
		require.LessOrEqual(t, r.Delay(), MaxDelay)
		r.selects(Request{Op: OpRead, Offset: math.MaxInt64 - 1, Length: 1})
		again, err := json.Marshal(r)
		require.NoError(t, err)
		var back Rule
		require.NoError(t, json.Unmarshal(again, &back))
		require.NoError(t, back.Validate())
	})
}
