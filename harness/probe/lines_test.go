package probe

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/holdfast-ha/holdfast/daemons/brokerlink"
	"github.com/holdfast-ha/holdfast/daemons/clock"
)

// samples has one line of each kind.
func samples() []Line {
	head := func(kind string) Head { return Head{kind, 12.5} }
	return []Line{
		{Head: head(KindRPC), RPC: &RPC{Head: head(KindRPC), End: 12.7, Method: "get_stats", LatencyMS: []float64{0.2}, Failed: 1, FailedMS: []float64{5000}, Err: "e"}},
		{Head: head(KindInFlight), InFlight: &InFlight{head(KindInFlight), "notify", 250}},
		{Head: head(KindThreads), Threads: &Threads{Head: head(KindThreads), Process: "broker", PID: 7, Total: 9, FDs: 8, RSSKB: 9000, Threads: []Thread{
			{TID: 8, Comm: "ha-writer", State: "D", WChan: "rpc_wait_bit_killable", Syscall: 18, SyscallName: "pwrite64", Args: []string{"0x9"}, Since: 11, Switches: 4},
		}}},
		{Head: head(KindLanes), Lanes: &Lanes{Head: head(KindLanes), Lanes: brokerlink.Lanes{Now: 12.4, Lanes: []brokerlink.LaneView{{Name: "ha-reader", Since: 3}}}}},
		{Head: head(KindHealth), Health: &Health{Head: head(KindHealth), Health: brokerlink.Health{OK: true}, Err: "down"}},
		{Head: head(KindView), View: &View{Head: head(KindView), ReadAge: -1, Segments: []Segment{{HostID: 1, Timestamp: "4711"}}}},
		{Head: head(KindSelf), Self: &Self{head(KindSelf), 20, 3, 0}},
	}
}

// encode returns the line as the probe writes it.
func encode(t *testing.T, l Line) []byte {
	t.Helper()
	for _, v := range []any{l.RPC, l.InFlight, l.Threads, l.Lanes, l.Health, l.View, l.Self} {
		if data, err := json.Marshal(v); err == nil && string(data) != "null" {
			return append(data, '\n')
		}
	}
	require.FailNow(t, "an empty line")
	return nil
}

func TestLinesDecodeToWhatWasWritten(t *testing.T) {
	for _, want := range samples() {
		got, err := Decode(encode(t, want))
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

// TestLineNames fixes the names that other programs read.
func TestLineNames(t *testing.T) {
	all := samples()
	require.JSONEq(t, `{"k":"rpc","mono":12.5,"end":12.7,"m":"get_stats","lat_ms":[0.2],"failed":1,"failed_ms":[5000],"err":"e"}`, string(encode(t, all[0])))
	require.JSONEq(t, `{"k":"inflight","mono":12.5,"m":"notify","age_ms":250}`, string(encode(t, all[1])))
	require.JSONEq(t, `{"k":"threads","mono":12.5,"proc":"broker","pid":7,"total":9,"fds":8,"rss_kb":9000,"threads":[{"tid":8,"comm":"ha-writer",
		"state":"D","wchan":"rpc_wait_bit_killable","syscall":18,"syscall_name":"pwrite64","args":["0x9"],"since":11,"switches":4}]}`, string(encode(t, all[2])))
}

func TestDecodeIsTolerant(t *testing.T) {
	l, err := Decode([]byte(`{"k":"weather","mono":3,"rain":true}`))
	require.NoError(t, err)
	require.Equal(t, Line{Head: Head{"weather", 3}}, l)
	l, err = Decode([]byte(`{"k":"inflight","mono":3,"m":"notify","age_ms":1,"colour":"red"}`))
	require.NoError(t, err)
	require.Equal(t, "notify", l.InFlight.Method)
	for _, bad := range []string{"", "{", "[]", "null", `{"mono":1}`, `{"k":7}`, `{"k":"rpc","lat_ms":"fast"}`} {
		_, err = Decode([]byte(bad))
		require.Error(t, err, bad)
	}
}

// TestTailDecodesHoweverTheFileIsCut: a reader meets a growing file at any byte.
func TestTailDecodesHoweverTheFileIsCut(t *testing.T) {
	var file []byte
	for _, l := range samples() {
		file = append(file, encode(t, l)...)
	}
	file = append(file, "not json\n\n"...)
	file = append(file, file...)
	file = append(file, `{"k":"rpc","mono":`...) // the probe was killed here
	rapid.Check(t, func(t *rapid.T) {
		var tail Tail
		var got []Line
		for rest := file; len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "cut")
			got = append(got, tail.Feed(rest[:n])...)
			rest = rest[n:]
		}
		if len(got) != 14 || tail.Bad() != 2 {
			t.Fatalf("got %d lines and %d bad, want 14 and 2", len(got), tail.Bad())
		}
	})
}

func TestTailIsBounded(t *testing.T) {
	var tail Tail
	for range 10 {
		tail.Feed([]byte(strings.Repeat("x", 1<<20)))
	}
	require.LessOrEqual(t, len(tail.rest), maxLine)
	require.NotZero(t, tail.Bad())
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"k":"rpc","mono":1,"lat_ms":[1]}`))
	f.Add([]byte(`{"k":"view","mono":1,"segments":[{"host_id":1}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := Decode(data)
		if err == nil && l.Kind == "" {
			t.Fatalf("a line without a kind: %q", data)
		}
	})
}

func TestPercentile(t *testing.T) {
	values := []float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}
	for _, tc := range []struct{ p, want float64 }{{-1, 1}, {0, 1}, {10, 1}, {11, 2}, {50, 5}, {90, 9}, {99, 10}, {100, 10}, {200, 10}} {
		require.InDelta(t, tc.want, Percentile(values, tc.p), 0, "p%g", tc.p)
	}
	require.InDelta(t, 7.0, Percentile([]float64{7}, 50), 0)
	require.True(t, math.IsNaN(Percentile(nil, 50)))
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Float64Range(0, 1e6), 1, 50).Draw(t, "values")
		slices.Sort(values)
		p := rapid.Float64Range(0, 100).Draw(t, "p")
		got := Percentile(values, p)
		below, _ := slices.BinarySearch(values, math.Nextafter(got, math.Inf(1)))
		if float64(below) < p/100*float64(len(values))-1e-9 {
			t.Fatalf("p%g of %v: got %g, which only %d are below or at", p, values, got, below)
		}
	})
}

func TestSyscallName(t *testing.T) {
	for _, tc := range []struct {
		arch   string
		number int
		want   string
	}{
		{"amd64", 0, "read"},
		{"amd64", 18, "pwrite64"},
		{"amd64", 257, "openat"},
		{"amd64", 209, "io_submit"},
		{"amd64", 74, "fsync"},
		{"amd64", 208, "io_getevents"},
		{"amd64", 202, "futex"},
		{"amd64", 13, "13"},
		{"amd64", 9999, "9999"},
		{"arm64", 0, "io_setup"},
		{"arm64", 68, "pwrite64"},
		{"arm64", 56, "openat"},
		{"arm64", 82, "fsync"},
		{"arm64", 98, "futex"},
		{"riscv64", 63, "63"},
		{"amd64", -1, ""},
	} {
		require.Equal(t, tc.want, SyscallName(tc.arch, tc.number), "%s %d", tc.arch, tc.number)
	}
}

func TestNextTurnLeavesOutWhatWasMissed(t *testing.T) {
	const period = 40 * time.Millisecond
	at := func(d time.Duration) clock.Mono { return clock.Mono(0).Add(d) }
	for _, tc := range []struct{ now, want time.Duration }{
		{1 * time.Millisecond, 40 * time.Millisecond},
		{40 * time.Millisecond, 40 * time.Millisecond},
		{41 * time.Millisecond, 80 * time.Millisecond},
		{1 * time.Second, 1040 * time.Millisecond},
		{5 * time.Minute, 5*time.Minute + 40*time.Millisecond},
	} {
		require.Equal(t, at(tc.want), nextTurn(0, at(tc.now), period), "at %s", tc.now)
	}
}

func TestTokenTimestamp(t *testing.T) {
	require.Equal(t, "4711", tokenTimestamp(ownRecord))
	for _, bad := range []string{"", "\x00\x00", "1|1", "1|1|2", "1|1|" + strings.Repeat("9", 30) + "|x", strings.Repeat("x", 600) + "|1|2|3"} {
		require.Empty(t, tokenTimestamp([]byte(bad)), "%q", bad)
	}
}
