package config

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// What a key shows is what it reads: the table's defaults, the example file and error texts can rely on it.
func TestEveryKeyShowsWhatItReads(t *testing.T) {
	c := unscaledDefaults()
	for _, key := range Keys() {
		if key.Required {
			continue
		}
		require.Equal(t, key.Default, key.show(c), key.Name)
		var again Config
		require.NoError(t, key.set(&again, key.show(c)), key.Name)
		require.Equal(t, key.show(c), key.show(again), key.Name)
	}
}

// Every time in Timing has a key, and no two keys share a field: setting one changes exactly that one.
func TestEveryTimingFieldHasItsKey(t *testing.T) {
	var c Config
	for _, key := range timingKeys() {
		before := c
		value := "11s"
		if key.duration == nil {
			value = "11"
		}
		require.NoError(t, key.set(&c, value), key.Name)
		require.NotEqual(t, before, c, "%s shares its field with another key", key.Name)
	}
	all := c.Timing
	require.NotContains(t, durations(all), time.Duration(0), "a time has no key")
	require.NotZero(t, all.EngineRetryMaxAttempts)
	require.NotZero(t, all.RestartThresholdScore)
}

func durations(t Timing) []time.Duration {
	return []time.Duration{
		t.LoopDelay, t.StorageDelay, t.MonitorInterval, t.HostAliveTimeout, t.StatsHistory, t.EngineRetryExpiration,
		t.EngineBadHealthTimeout, t.EngineStartingTimeout, t.EngineAwayExpiration, t.VMUnexpectedShutdownExpiration,
		t.LivelinessTimeout, t.StallAfter, t.ViewLimit, t.FullScanInterval, t.WriteRetryMin, t.WriteRetryMax, t.LeasePoll,
		t.RejoinBackoff, t.ResultMaxAge, t.VMStartTimeout, t.RPCTimeout, t.LeaseTimeout, t.ShutdownGrace, t.Tick,
	}
}

func TestWordsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOf(rapid.StringMatching(`[ -~\t]{0,12}`)).Draw(t, "words")
		got, err := splitWords(joinWords(words))
		require.NoError(t, err)
		require.Equal(t, len(words), len(got))
		for i := range words {
			require.Equal(t, words[i], got[i])
		}
	})
}

func TestDurationsRoundTripAndReadWell(t *testing.T) {
	require.Equal(t, "10m", formatDuration(10*time.Minute))
	require.Equal(t, "24h", formatDuration(24*time.Hour))
	require.Equal(t, "10s", formatDuration(10*time.Second))
	require.Equal(t, "1h0m10s", formatDuration(time.Hour+10*time.Second))
	rapid.Check(t, func(t *rapid.T) {
		d := time.Duration(rapid.Int64Range(0, int64(maxPeriod)).Draw(t, "d"))
		got, err := time.ParseDuration(formatDuration(d))
		require.NoError(t, err)
		require.Equal(t, d, got)
	})
}

func TestEditDistance(t *testing.T) {
	require.Equal(t, 0, editDistance("tick", "tick"))
	require.Equal(t, 1, editDistance("loop_dealy", "loop_delay"), "two neighbours swapped are one mistake")
	require.Equal(t, 4, editDistance("", "tick"))
	require.Equal(t, "tick", nearestKey("tik", Keys()))
	require.Equal(t, "vm_health_url", nearestKey("health_url", Keys()))
	require.Empty(t, nearestKey("q", Keys()))
}
