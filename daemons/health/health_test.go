package health_test

import (
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/daemons/health"
)

const second = clock.Mono(time.Second)

func TestEveryRowOfTheTableIsComplete(t *testing.T) {
	seen := map[health.Code]bool{}
	for _, w := range health.Table() {
		require.Regexp(t, regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`), string(w.Code))
		require.NotContains(t, seen, w.Code, "a code twice")
		for _, cause := range w.DependsOn {
			require.Contains(t, seen, cause, "%s: its cause %s must stand above it, so that no circle is possible", w.Code, cause)
		}
		seen[w.Code] = true
		require.NotEmpty(t, w.Title, w.Code)
		require.NotRegexp(t, `\.$`, w.Title, "a title is no sentence with a full stop")
		require.NotEmpty(t, w.Remedy, "%s: what is an operator to do?", w.Code)
		require.Contains(t, []health.Severity{health.High, health.Medium, health.Low}, w.Severity, w.Code)
	}
}

func TestTableIsACopy(t *testing.T) {
	health.Table()[0].Title = "scribbled on"
	got, ok := health.Lookup(health.Config)
	require.True(t, ok)
	require.NotEqual(t, "scribbled on", got.Title)
	_, ok = health.Lookup("no-such-code")
	require.False(t, ok)
}

func TestSinceIsWhenItBeganAndDetailIsTheNewest(t *testing.T) {
	var b health.Board
	require.True(t, b.Set(10*second, health.StorageErrors, "EIO"))
	require.False(t, b.Set(11*second, health.StorageErrors, "EIO"), "nothing new")
	require.True(t, b.Set(12*second, health.StorageErrors, "ESTALE"))
	got := b.Visible(12 * second)
	require.Len(t, got, 1)
	require.Equal(t, 10*second, got[0].Since)
	require.Equal(t, "ESTALE", got[0].Detail)
}

func TestACauseHidesItsConsequences(t *testing.T) {
	var b health.Board
	b.Set(1*second, health.ReaderBlind, "40 s")
	raised, cleared := b.Turn(1 * second)
	require.Len(t, raised, 1)
	require.Empty(t, cleared)

	b.Set(2*second, health.StorageMissing, "no such file")
	raised, cleared = b.Turn(2 * second)
	require.Equal(t, []health.Code{health.StorageMissing}, codes(raised))
	require.Equal(t, []health.Code{health.ReaderBlind}, codes(cleared))
	require.True(t, b.Holds(health.ReaderBlind), "hidden, not forgotten")

	b.Clear(health.StorageMissing)
	raised, _ = b.Turn(3 * second)
	require.Equal(t, []health.Code{health.ReaderBlind}, codes(raised))
	require.Equal(t, 1*second, raised[0].Since, "it began before its cause was found")
}

func TestSomeWarningsMustLastBeforeTheyAreShown(t *testing.T) {
	var b health.Board
	b.Set(1*second, health.LeaseNone, "")
	raised, _ := b.Turn(2 * second)
	require.Empty(t, raised)
	raised, _ = b.Turn(6 * second)
	require.Equal(t, []health.Code{health.LeaseNone}, codes(raised))
	require.True(t, health.OK(b.Visible(6*second)), "a low warning alone is healthy")
	b.Set(7*second, health.StorageStalled, "ha-writer")
	require.False(t, health.OK(b.Visible(7*second)))
}

func TestABoardIsPlainData(t *testing.T) {
	var b health.Board
	b.Set(1*second, health.StorageErrors, "EIO")
	c := b
	c.Clear(health.StorageErrors)
	require.True(t, b.Holds(health.StorageErrors), "clearing the copy must not change the original")
	require.NotEqual(t, b, c)
}

func TestUnknownCodesAreIgnored(t *testing.T) {
	var b health.Board
	require.False(t, b.Set(1, "nonsense", ""))
	require.False(t, b.Clear("nonsense"))
	require.Equal(t, health.Board{}, b)
}

func codes(warnings []health.Warning) []health.Code {
	var all []health.Code
	for _, w := range warnings {
		all = append(all, w.Code)
	}
	return all
}

// What the broker's rooms report by name must be in the table, or it would be shown nowhere.
func TestTheTableHasWhatTheBrokerReports(t *testing.T) {
	for code, severity := range map[health.Code]health.Severity{
		"storage-stalled": health.High, "storage-errors": health.High, "storage-missing": health.High, "reader-blind": health.High,
		"record-late": health.High, "lease-lost": health.High, "lease-unconfirmed": health.High, "lease-pending": health.Low,
		"lease-none": health.Low, "mount-failing": health.High, "storage-disconnected": health.Low, "domain-invalid": health.High,
		"host-id-taken": health.High, "lane-stalled": health.Medium, "ovf-stale": health.Medium, "archive-invalid": health.Medium,
		"notify-failing": health.Low, "clock-jump": health.Medium, "config-bad": health.High, "config": health.Low,
		"segment-overwritten": health.Medium, "segment-unreadable": health.Medium, "engine-unknown": health.Medium,
	} {
		row, ok := health.Lookup(code)
		require.True(t, ok, code)
		require.Equal(t, severity, row.Severity, code)
	}
	require.Len(t, health.Table(), 23)
}

// Storage that an operator has taken away is no trouble: what follows from it is not shown beside it.
func TestDisconnectedStorageHidesWhatFollowsFromIt(t *testing.T) {
	var b health.Board
	for _, code := range []health.Code{
		health.StorageDisconnected, health.MountFailing, health.StorageMissing, health.StorageErrors, health.ReaderBlind, health.RecordLate,
		health.LeaseNone, health.LeaseLost, health.DomainInvalid, health.OVFStale, health.ArchiveInvalid,
	} {
		b.Set(1*second, code, "x")
	}
	require.Equal(t, []health.Code{health.StorageDisconnected}, codes(b.Visible(100*second)))
	b.Clear(health.StorageDisconnected)
	require.Equal(t, []health.Code{health.MountFailing, health.StorageErrors, health.LeaseLost, health.LeaseNone}, codes(b.Visible(100*second)))
}
