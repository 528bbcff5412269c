package whiteboard_test

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/holdfast-ha/holdfast/daemons/whiteboard"
)

// sealed puts the right checksum into a machine part whose token 9 is a placeholder.
func sealed(machine string) string {
	tokens := strings.Split(machine, "|")
	tokens[9] = "00000000"
	tokens[9] = fmt.Sprintf("%08x", crc32.ChecksumIEEE([]byte(strings.Join(tokens, "|"))))
	return strings.Join(tokens, "|")
}

const status = `{"vm": "up", "health": "good", "detail": "Up"}`

func TestDecodeJudgesWhatIsWrong(t *testing.T) {
	good := `1|1|86400|1|3400|` + status + `|h|0|0|crc|1|86390`
	tests := map[string]struct {
		segment []byte
		kind    whiteboard.Kind
		says    string
	}{
		"empty":                    {nil, whiteboard.Absent, "never published"},
		"cleaned":                  {make([]byte, 4096), whiteboard.Absent, "never published"},
		"absent with garbage":      {segmentOf("\x00garbage"), whiteboard.Absent, ""},
		"short":                    {[]byte(sealed(good)), whiteboard.Malformed, "bytes, fewer than the 512"},
		"no version":               {segmentOf("x" + sealed(good)), whiteboard.Malformed, "does not begin with a version"},
		"not UTF-8 (S12)":          {segmentOf("\xff\xfe"), whiteboard.Malformed, "does not begin with a version"},
		"too new":                  {segmentOf("2|9|whatever"), whiteboard.TooNew, "parse version 2, this version reads 1"},
		"far too new":              {segmentOf(strings.Repeat("9", 400)), whiteboard.TooNew, "upgrade this host"},
		"six tokens":               {segmentOf("1|1|2|1|3|null"), whiteboard.Malformed, "6 tokens, fewer than 7"},
		"score, right CRC (S13)":   {segmentOf(sealed(strings.Replace(good, "3400", "abc", 1))), whiteboard.Malformed, `score (token 4) is "abc"`},
		"time, right CRC (S13)":    {segmentOf(sealed(strings.Replace(good, "86400", "1e5", 1))), whiteboard.Malformed, `timestamp (token 2) is "1e5"`},
		"negative score":           {segmentOf(sealed(strings.Replace(good, "3400", "-1", 1))), whiteboard.Malformed, `score (token 4) is "-1"`},
		"flag":                     {segmentOf(sealed(strings.Replace(good, "h|0", "h|no", 1))), whiteboard.Malformed, "maintenance (token 7)"},
		"too big a number":         {segmentOf(sealed(strings.Replace(good, "86390", "99999999999999999999", 1))), whiteboard.Malformed, "token 11"},
		"checksum is text":         {segmentOf(good), whiteboard.Malformed, `checksum "crc" is not`},
		"wrong checksum (S13)":     {segmentOf(strings.Replace(sealed(good), "86400", "abcde", 1)), whiteboard.BadCRC, "the owner overwrites it"},
		"feature version":          {segmentOf(sealed(strings.Replace(good, "1|1|", "1|0|", 1))), whiteboard.TooOld, "upgrade that host"},
		"another host (S15)":       {segmentOf(sealed(strings.Replace(good, "86400|1|", "86400|2|", 1))), whiteboard.Foreign, "host id 2"},
		"overwritten, no checksum": {segmentOf("1|1|2|1|3|null|h\x00\x00junk"), whiteboard.Malformed, "no checksum"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := whiteboard.Decode(1, test.segment)
			var verdict *whiteboard.Error
			require.ErrorAs(t, err, &verdict)
			require.Equal(t, test.kind, verdict.Kind, "%v", err)
			require.Equal(t, 1, verdict.Segment)
			require.ErrorContains(t, err, "whiteboard segment 1: "+test.kind.String())
			require.ErrorContains(t, err, test.says)
			require.Zero(t, got)
		})
	}
	for _, id := range []int{-1, 0, 2001} {
		_, err := whiteboard.Decode(id, segmentOf(sealed(good)))
		require.ErrorContains(t, err, "ids are 1 to 2000")
	}
}

func TestDecodeAcceptsWhatUpstreamAccepts(t *testing.T) {
	for name, machine := range map[string]string{
		"seven tokens, no checksum": `1|1|10|1|100|` + status + `|h`,
		"nine tokens, no checksum":  `1|1|10|1|100|` + status + `|h|0|0`,
		"ten tokens":                sealed(`1|1|10|1|100|` + status + `|h|0|0|crc`),
		"later feature version":     sealed(`1|7|10|1|100|` + status + `|h|0|0|crc|1|5`),
		"more tokens":               sealed(`1|1|10|1|100|` + status + `|h|0|0|crc|1|5|and|more`),
		"blanks around numbers":     sealed(`1|1| 10 |1|100|` + status + `|h|0|0|crc|1|5`),
	} {
		t.Run(name, func(t *testing.T) {
			got, err := whiteboard.Decode(1, segmentOf(machine))
			require.NoError(t, err)
			require.Equal(t, int64(10), got.Timestamp)
			require.Equal(t, 100, got.Score)
			require.Equal(t, "h", got.HostName)
		})
	}
	// Garbage behind the padding is covered by the checksum's absence of it, so it does no harm (upstream's commit 93a61ac).
	got, err := whiteboard.Decode(1, segmentOf(sealed(`1|1|10|1|100|`+status+`|h|0|0|crc|1|5`)+"\x00\x00garbage"))
	require.NoError(t, err)
	require.Equal(t, int64(5), got.ConfTimestamp)
}

// Upstream decodes the whole volume as one text and cuts it by characters: one bad byte stops all brokers, and a host name of
// several bytes a letter shifts all segments behind it.
func TestOneBadSegmentHarmsNoOther_S12(t *testing.T) {
	volume := make([]byte, 400*whiteboard.SegmentSize)
	put := func(id int, text string) { copy(volume[id*whiteboard.SegmentSize:], text) }
	segment := func(id int) []byte { return volume[id*whiteboard.SegmentSize : (id+1)*whiteboard.SegmentSize] }
	put(1, sealed(`1|1|10|1|100|`+status+`|höst-ünï|0|0|crc|1|5`))
	put(5, sealed(`1|1|20|5|200|`+status+`|host5|0|0|crc|1|5`))
	put(300, "\xff\xfe")

	got, err := whiteboard.Decode(1, segment(1))
	require.NoError(t, err)
	require.Equal(t, "höst-ünï", got.HostName)
	got, err = whiteboard.Decode(5, segment(5))
	require.NoError(t, err)
	require.Equal(t, "host5", got.HostName)
	_, err = whiteboard.Decode(300, segment(300))
	require.Equal(t, whiteboard.Malformed, kindOf(t, err))
	_, err = whiteboard.Decode(301, segment(301))
	require.Equal(t, whiteboard.Absent, kindOf(t, err))
}

func kindOf(t testing.TB, err error) whiteboard.Kind {
	t.Helper()
	var verdict *whiteboard.Error
	require.True(t, errors.As(err, &verdict), "%v is not an *Error", err)
	return verdict.Kind
}

func TestEncodeRefusesWhatCouldHarmAReader(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*whiteboard.Record)
		says   string
	}{
		"parse version":     {func(r *whiteboard.Record) { r.ParseVersion = 2 }, "parse version 2: only 1 is written"},
		"feature version":   {func(r *whiteboard.Record) { r.FeatureVersion = 2 }, "feature version 2"},
		"host id 0":         {func(r *whiteboard.Record) { r.HostID = 0 }, "not in 1 to 2000"},
		"host id 2001":      {func(r *whiteboard.Record) { r.HostID = 2001 }, "not in 1 to 2000"},
		"negative score":    {func(r *whiteboard.Record) { r.Score = -1 }, "negative score -1"},
		"negative time":     {func(r *whiteboard.Record) { r.Timestamp = -1 }, "negative time"},
		"no name":           {func(r *whiteboard.Record) { r.HostName = "" }, "no host name"},
		"name not ASCII":    {func(r *whiteboard.Record) { r.HostName = "höst" }, "host name: \"höst\" has a byte at 1"},
		"name with bar":     {func(r *whiteboard.Record) { r.HostName = "a|b" }, "contains the separator"},
		"name with newline": {func(r *whiteboard.Record) { r.HostName = "a\nb" }, "not printable ASCII"},
		"name too long":     {func(r *whiteboard.Record) { r.HostName = strings.Repeat("x", 428) }, "513 bytes do not fit the 512"},
		"status with bar":   {func(r *whiteboard.Record) { r.EngineStatus = `{"vm": "a|b"}` }, "engine status"},
		"status not JSON":   {func(r *whiteboard.Record) { r.EngineStatus = `{"vm": up}` }, "neither a JSON object nor null"},
		"status a list":     {func(r *whiteboard.Record) { r.EngineStatus = `[]` }, "neither a JSON object nor null"},
		"no status":         {func(r *whiteboard.Record) { r.EngineStatus = "" }, "neither a JSON object nor null"},
	} {
		t.Run(name, func(t *testing.T) {
			record := goldenRecord()
			test.change(&record)
			_, err := whiteboard.Encode(record, record.HumanPart(goldenWall, goldenWall))
			require.ErrorContains(t, err, test.says)
		})
	}
	for name, test := range map[string]struct {
		change func(*whiteboard.Human)
		says   string
	}{
		"contradiction": {func(h *whiteboard.Human) { h.Score++ }, "it says timestamp 86400, host 1, score 3401"},
		"no time":       {func(h *whiteboard.Human) { h.ConfWall = time.Time{} }, "not in the years 1970 to 9999"},
		"twice":         {func(h *whiteboard.Human) { h.Fields = append(h.Fields, h.Fields...) }, `field "state" stands there twice`},
		"newline":       {func(h *whiteboard.Human) { h.Fields[0].Value = "a\nscore=9" }, "not printable ASCII"},
		"not ASCII":     {func(h *whiteboard.Human) { h.Fields[0].Value = "é" }, "not printable ASCII"},
		"no key":        {func(h *whiteboard.Human) { h.Fields[0].Key = "" }, "field name"},
		"key with =":    {func(h *whiteboard.Human) { h.Fields[0].Key = "a=b" }, "field name"},
		"too long":      {func(h *whiteboard.Human) { h.Fields[0].Value = strings.Repeat("x", 3584) }, "do not fit the 3584"},
	} {
		t.Run("human part: "+name, func(t *testing.T) {
			record := goldenRecord()
			human := record.HumanPart(goldenWall, goldenWall, whiteboard.Field{Key: "state", Value: "EngineUp"})
			test.change(&human)
			_, err := whiteboard.Encode(record, human)
			require.ErrorContains(t, err, test.says)
		})
	}
	record := goldenRecord()
	record.HostName = strings.Repeat("x", 427)
	segment, err := whiteboard.Encode(record, record.HumanPart(goldenWall, goldenWall))
	require.NoError(t, err, "512 bytes fit")
	got, err := whiteboard.Decode(1, segment[:])
	require.NoError(t, err)
	require.Equal(t, record.HostName, got.HostName)
}

func drawRecord(t *rapid.T) whiteboard.Record {
	ascii := func(label string, longest int) string {
		return rapid.StringMatching(fmt.Sprintf(`[ -{}~]{0,%d}`, longest)).Draw(t, label)
	}
	status := "null"
	if rapid.Bool().Draw(t, "has status") {
		status = whiteboard.EngineStatus{
			VM: ascii("vm", 12), Health: ascii("health", 8), Detail: rapid.StringN(0, 8, 24).Draw(t, "detail"), Reason: ascii("reason", 40),
		}.JSON()
	}
	return whiteboard.Record{
		ParseVersion: 1, FeatureVersion: 1,
		Timestamp: rapid.Int64Min(0).Draw(t, "timestamp"), HostID: rapid.IntRange(1, 2000).Draw(t, "host id"),
		Score: rapid.IntMin(0).Draw(t, "score"), EngineStatus: status, HostName: "h" + ascii("host name", 60),
		Maintenance: rapid.Bool().Draw(t, "maintenance"), Stopped: rapid.Bool().Draw(t, "stopped"),
		ConfOnSharedStorage: rapid.Bool().Draw(t, "shared"), ConfTimestamp: rapid.Int64Min(0).Draw(t, "conf timestamp"),
	}
}

func drawSegment(t *rapid.T, record whiteboard.Record) whiteboard.Segment {
	when := time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "wall"), 0).UTC()
	segment, err := whiteboard.Encode(record, record.HumanPart(when, when, whiteboard.Field{Key: "state", Value: "EngineDown"}))
	require.NoError(t, err)
	return segment
}

func TestRecordsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		record := drawRecord(t)
		segment := drawSegment(t, record)
		got, err := whiteboard.Decode(record.HostID, segment[:])
		require.NoError(t, err)
		require.NotZero(t, len(got.Human))
		record.CRC, record.Human = got.CRC, got.Human
		require.Equal(t, record, got)
		for i, b := range segment {
			require.True(t, b < 0x80, "byte %d is %#x: upstream's readers take ASCII only (S12)", i, b)
		}
	})
}

// A torn or rotted machine part is never taken for a record, whatever single byte is wrong.
func TestAnySingleWrongByteIsNoticed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		record := drawRecord(t)
		segment := drawSegment(t, record)
		length := bytes.IndexByte(segment[:], 0)
		at := rapid.IntRange(0, length-1).Draw(t, "at")
		segment[at] ^= byte(rapid.IntRange(1, 255).Draw(t, "flip"))
		got, err := whiteboard.Decode(record.HostID, segment[:])
		if err == nil {
			// The checksum's own digits may change their case, which is not a damage.
			record.CRC, record.Human = got.CRC, got.Human
			require.Equal(t, record, got)
			return
		}
		require.NotZero(t, kindOf2(t, err))
	})
}

func kindOf2(t *rapid.T, err error) whiteboard.Kind {
	var verdict *whiteboard.Error
	require.True(t, errors.As(err, &verdict), "%v is not an *Error", err)
	return verdict.Kind
}

func TestCleanedMeansAWholeSegmentOfZeros(t *testing.T) {
	require.True(t, whiteboard.Cleaned(make([]byte, 4096)))
	require.False(t, whiteboard.Cleaned(make([]byte, 4095)))
	require.False(t, whiteboard.Cleaned(nil))
	last := make([]byte, 4096)
	last[4095] = 1
	require.False(t, whiteboard.Cleaned(last))
	require.True(t, whiteboard.IsAbsent(last), "absent, but somebody has been there")
}

func TestKindsHaveNames(t *testing.T) {
	for kind := whiteboard.Absent; kind <= whiteboard.Foreign; kind++ {
		require.NotContains(t, kind.String(), "kind ")
	}
	require.Equal(t, "kind 0", whiteboard.Kind(0).String())
}
