package agent

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/daemons/config"
	"github.com/holdfast-ha/holdfast/daemons/whiteboard"
)

func testTiming() config.Timing { return config.Default().Timing }

func packageDocumentation(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	return string(text)
}

func testSettings() Settings {
	return Settings{HostID: 1, HostName: "host1", Timing: testTiming(), Score: config.Default().Score, HasDriver: true}
}

func newCore(t *testing.T) *Core {
	t.Helper()
	c, err := New(testSettings())
	require.NoError(t, err)
	return c
}

func at10ths(n int) clock.Mono { return worldStart.Add(time.Duration(n) * 100 * time.Millisecond) }

func tickAt(now clock.Mono) Tick {
	return Tick{BootSeconds: int64(now.Seconds()), Wall: time.Unix(1700000000, 0).UTC()}
}

func only[E Effect](effects []Effect) []E {
	var all []E
	for _, e := range effects {
		if wanted, ok := e.(E); ok {
			all = append(all, wanted)
		}
	}
	return all
}

func TestSettingsThatCannotWork(t *testing.T) {
	for name, spoil := range map[string]func(*Settings){
		"host id 0":       func(s *Settings) { s.HostID = 0 },
		"host id 2001":    func(s *Settings) { s.HostID = 2001 },
		"no host name":    func(s *Settings) { s.HostName = "" },
		"umlaut":          func(s *Settings) { s.HostName = "hüst1" },
		"separator":       func(s *Settings) { s.HostName = "a|b" },
		"long host name":  func(s *Settings) { s.HostName = strings.Repeat("a", 65) },
		"no loop_delay":   func(s *Settings) { s.Timing.LoopDelay = 0 },
		"line in a name":  func(s *Settings) { s.HostName = "a\nb" },
		"negative period": func(s *Settings) { s.Timing.LoopDelay = -1 },
	} {
		set := testSettings()
		spoil(&set)
		_, err := New(set)
		require.Error(t, err, name)
	}
}

// A broker that answers nothing at all must not stretch, stop or multiply the turns.
func TestTurnsGoOnWithoutAnyAnswer_S17(t *testing.T) {
	c := newCore(t)
	var turns, collects []int
	for n := range 1000 {
		effects := c.Step(at10ths(n), tickAt(at10ths(n)))
		if len(only[Report](effects)) > 0 {
			turns = append(turns, n)
			require.Len(t, only[Publish](effects), 1, "each turn publishes")
			require.Contains(t, only[Report](effects)[0].Reason, "the broker has not answered within 5s: get_view, engine-health, storage-domain")
		}
		if len(only[Collect](effects)) > 0 {
			collects = append(collects, n)
		}
	}
	require.Equal(t, []int{0, 100, 200, 300, 400, 500, 600, 700, 800, 900}, collects)
	require.Equal(t, []int{50, 150, 250, 350, 450, 550, 650, 750, 850, 950}, turns)
	require.Equal(t, StorageBlind, c.State())
}

func TestTurnWaitsForAllAnswersAndNoLonger(t *testing.T) {
	c := newCore(t)
	require.Equal(t, []Effect{Collect{Lock: true}}, c.Step(at10ths(0), tickAt(at10ths(0))))
	c.Step(at10ths(1), ViewAnswer{Sent: at10ths(0), Failure: "down"})
	c.Step(at10ths(2), MonitorAnswer{Monitor: EngineHealth, Sent: at10ths(0), Text: isDown})
	require.Empty(t, c.Step(at10ths(3), tickAt(at10ths(3))))
	c.Step(at10ths(3), MonitorAnswer{Monitor: StorageDomain, Sent: at10ths(0), Text: "True"})
	require.Len(t, only[Report](c.Step(at10ths(4), tickAt(at10ths(4)))), 1)
	require.Empty(t, c.Step(at10ths(99), tickAt(at10ths(99))))
	require.Len(t, only[Collect](c.Step(at10ths(100), tickAt(at10ths(100)))), 1)
}

func TestTurnsKeepTheirPeriodWhateverTheTicksAre(t *testing.T) {
	c := newCore(t)
	var turns int
	for n := range 2600 { // ticks every 700 ms, which do not divide 10 s
		now := worldStart.Add(time.Duration(n) * 700 * time.Millisecond)
		turns += len(only[Report](c.Step(now, tickAt(now))))
	}
	require.Equal(t, 182, turns, "in 1820 s")
}

func TestTimestampsNeverRepeat(t *testing.T) {
	c := newCore(t)
	var last int64
	for n := range 400 {
		now := worldStart.Add(time.Duration(n/100) * time.Second) // many turns within one second
		record, err := whiteboard.Decode(1, segmentOf(c.publish(now, tickAt(now), EngineDown, false)))
		require.NoError(t, err)
		require.Greater(t, record.Timestamp, last)
		last = record.Timestamp
	}
}

func TestFirstOfThePeersWithTheBestScoreCounts(t *testing.T) {
	c := newCore(t)
	c.known.cluster = Cluster{ObservedAt: at10ths(700), Peers: []Peer{{HostID: 2, Timestamp: 2}, {HostID: 3, Timestamp: 2, Score: 9}, {HostID: 4, Timestamp: 2, Score: 9}}}
	c.known.history = History{[]observation{{at: at10ths(700)}, {at: at10ths(0)}}}
	s := c.situation(at10ths(700))
	require.Equal(t, 3, s.BestScoreHost)
	require.Equal(t, 9, s.BestScore)
	require.Equal(t, []int{1, 2, 3, 4}, c.publish(at10ths(700), tickAt(at10ths(700)), EngineDown, false).Alive)
}

func segmentOf(p Publish) []byte { return p.Segment[:] }

func TestRefusedRecordIsFollowedByANewerOne(t *testing.T) {
	c := newCore(t)
	c.known.cluster.OwnTimestamp = 5000
	require.Equal(t, int64(1000), c.nextTimestamp(1000), "an old record on storage is no reason to leave the clock")
	c.Step(at10ths(0), Published{Refused: true})
	require.Equal(t, int64(5001), c.nextTimestamp(1000))
	c.known.cluster.OwnTimestamp = 1 << 62
	require.Equal(t, int64(1000), c.nextTimestamp(1000), "garbage")
}

func TestRecordIsUpstreams(t *testing.T) {
	c := newCore(t)
	c.Step(at10ths(0), MonitorAnswer{Monitor: EngineHealth, Sent: at10ths(0), Text: upGood})
	c.state, c.score, c.timer = EngineStarting, 3400, at10ths(0)
	p := c.publish(at10ths(50), Tick{BootSeconds: 86400, Wall: time.Date(2023, 11, 14, 22, 13, 20, 0, time.UTC)}, c.state, false)
	machine := strings.TrimRight(string(p.Segment[:512]), "\x00")
	require.Regexp(t, `^1\|1\|86400\|1\|3400\|\{"vm": "up", "health": "good", "detail": "Up"\}\|host1\|0\|0\|[0-9a-f]{8}\|1\|0$`, machine)
	require.Equal(t, `metadata_parse_version=1
metadata_feature_version=1
timestamp=86400 (Tue Nov 14 22:13:20 2023)
host-id=1
score=3400
vm_conf_refresh_time=0 (Mon Nov 13 22:13:20 2023)
conf_on_shared_storage=True
maintenance=False
state=EngineStarting
stopped=False
timeout=Tue Nov 14 22:23:15 2023
`, strings.TrimRight(string(p.Segment[512:]), "\x00"))
}

func TestRecordIsPublishedWhateverTheClockSays(t *testing.T) {
	c := newCore(t)
	for _, wall := range []time.Time{{}, time.Unix(-1<<40, 0), time.Unix(1<<40, 0), time.Unix(0, 0)} {
		p := c.publish(at10ths(0), Tick{BootSeconds: -5, Wall: wall}, EngineDown, false)
		_, err := whiteboard.Decode(1, segmentOf(p))
		require.NoError(t, err, "wall clock %v", wall)
	}
}

func TestEngineHealthOfAnyKindIsPublishable_S13(t *testing.T) {
	for _, text := range []string{
		"", "None", "null", "{}", "[]", `{"vm": "up"}`, `{"vm": "up", "health": "unknown", "detail": "x"}`, "\xff\xfe",
		`{"vm": "up", "health": "bad", "detail": "` + strings.Repeat("ü|", 3000) + `", "reason": "` + strings.Repeat(`\"`, 3000) + `"}`,
	} {
		c := newCore(t)
		c.Step(at10ths(0), MonitorAnswer{Monitor: EngineHealth, Sent: at10ths(0), Text: text})
		record, err := whiteboard.Decode(1, segmentOf(c.publish(at10ths(0), tickAt(at10ths(0)), EngineDown, false)))
		require.NoError(t, err, "%q", text)
		status, err := whiteboard.ParseEngineStatus(record.EngineStatus)
		require.NoError(t, err, "%q was published as %s", text, record.EngineStatus)
		require.NoError(t, status.Check())
	}
}

func TestOldResultIsUnknown_S24(t *testing.T) {
	c := newCore(t)
	c.Step(at10ths(0), MonitorAnswer{Monitor: EngineHealth, Sent: at10ths(0), Text: upGood})
	keep := c.set.Timing.ResultMaxAge
	require.Equal(t, "up", c.known.localEngine(at10ths(0).Add(keep), keep).VM)
	require.Equal(t, "unknown", c.known.localEngine(at10ths(0).Add(keep+1), keep).VM)
}

func TestRestartedSubmonitorKeepsTheLastResultForAWhile(t *testing.T) {
	c := newCore(t)
	keep := c.set.Timing.ResultMaxAge
	answer := func(n int, a MonitorAnswer) string {
		a.Monitor, a.Sent = EngineHealth, at10ths(n)
		c.Step(at10ths(n), a)
		return c.known.localEngine(at10ths(n), keep).VM
	}
	require.Equal(t, "up", answer(0, MonitorAnswer{Text: upGood}))
	require.Equal(t, "up", answer(100, MonitorAnswer{Failure: "down"}))
	require.Equal(t, "up", answer(200, MonitorAnswer{Text: "None", Restarted: true}))
	require.Equal(t, "unknown", answer(301, MonitorAnswer{Text: "None"}), "too old by now")
	require.Equal(t, "up", answer(400, MonitorAnswer{Text: upGood}))
	require.Equal(t, "up", answer(450, MonitorAnswer{Text: "None"}), "the restart was less than result_max_age ago")
	require.Equal(t, "unknown", answer(600, MonitorAnswer{Text: "None"}), "the broker itself does not know any more")
}

func TestSnapshotOfACoreStaysAsItWas(t *testing.T) {
	w := newWorld(t, 2)
	w.engineUp()
	core := w.hosts[0].core
	before := *core
	frozen := len(before.known.history.observations)
	first := before.known.history.observations[0]
	w.powerOff(2)
	w.run(10 * time.Minute)
	require.Len(t, before.known.history.observations, frozen)
	require.Equal(t, first, before.known.history.observations[0])
	require.NotEqual(t, first, core.known.history.observations[0])
}
