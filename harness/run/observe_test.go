package run

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/harness/events"
	"github.com/holdfast-ha/holdfast/harness/scenario"
)

// sighted is an observer of host2 without files: the test hands it the lines.
func sighted() (*observer, *watch, *bytes.Buffer) {
	var log bytes.Buffer
	w := newWatch(2)
	o := &observer{start: clock.Mono(100e9), log: events.NewWriter(&log, 0), watches: map[string]*watch{"host2": w}}
	return o, w, &log
}

func TestProbeLinesBecomeSights(t *testing.T) {
	o, w, log := sighted()
	line := func(format string, args ...any) { o.probeLine("host2", w, fmt.Appendf(nil, format, args...)) }

	line(`{"k":"rpc","mono":105,"end":105.2,"m":"get_stats","lat_ms":[0.5,1.5],"failed":1,"failed_ms":[5000],"err":"timed out"}`)
	require.Len(t, w.calls["get_stats"], 3)
	require.InDelta(t, 5.2-5, w.calls["get_stats"][2].T, 0.001, "a call counts from its beginning")
	require.Equal(t, "timed out", w.calls["get_stats"][2].Error)

	line(`{"k":"lanes","mono":106,"now":106,"lanes":[{"name":"ha-writer","tid":31,"busy":true,"op":"write","segment":2,"since":104,"blocked_for":2}]}`)
	line(`{"k":"threads","mono":106,"proc":"broker","pid":9,"total":12,"fds":10,"rss_kb":9000,"threads":[{"tid":31,"comm":"ha-writer","state":"D","wchan":"fuse_direct_IO","syscall":18,"syscall_name":"pwrite64","since":104.1}]}`)
	_, blocked, why := laneBlocked(w, "ha-writer", 6)
	require.True(t, blocked, why)

	line(`{"k":"health","mono":106.1,"ok":false,"warnings":[{"code":"storage-stalled","severity":"high","since":105.9,"detail":"d"}]}`)
	s, present, known := w.warnsNow("storage-stalled", 6)
	require.True(t, known && present)
	require.InDelta(t, 4, s.opSince, 0.001, "it names when the stalled operation began")
	line(`{"k":"health","mono":107,"ok":true,"warnings":[]}`)
	_, present, known = w.warnsNow("storage-stalled", 7)
	require.True(t, known)
	require.False(t, present)
	_, _, known = w.warnsNow("storage-stalled", 7.5)
	require.False(t, known, "an answer from before is no evidence for now")
	_, ever := w.everWarned("storage-stalled", 0)
	require.True(t, ever)

	for _, stamp := range []int{7, 7, 8, 9} {
		line(`{"k":"view","mono":108,"now":108,"read_age":0.5,"lease":{"state":"held"},"segments":[{"host_id":2,"timestamp":"%d"},{"host_id":3,"timestamp":"1"}]}`, stamp)
	}
	require.Equal(t, 3, w.published(8), "as many records as timestamps")
	require.Equal(t, "held", w.leaseState(8))
	require.Empty(t, w.leaseState(9), "an answer from before is no evidence for now")

	line(`{"k":"rpc","mo`) // the last line of a killed probe
	line(`{"k":"something-new","mono":1}`)
	require.Contains(t, log.String(), `"code":"storage-stalled","raised":true`)
}

func TestSetMaintenanceIsReadFromSegmentZero(t *testing.T) {
	for _, c := range []struct {
		segment string
		want    scenario.Maintenance
		holds   bool
	}{
		{"maintenance=1", scenario.MaintenanceGlobal, true},
		{"maintenance=1", scenario.MaintenanceNone, false},
		{"maintenance=0", scenario.MaintenanceNone, true},
		{"", scenario.MaintenanceNone, true},
		{"", scenario.MaintenanceGlobal, false},
	} {
		segment := make([]byte, 4096)
		copy(segment, c.segment)
		a := maintenanceIs(segment, c.want, "here")
		require.Equal(t, c.holds, a.holds, "%q, want %s: %s", c.segment, c.want, a.detail)
	}
}
