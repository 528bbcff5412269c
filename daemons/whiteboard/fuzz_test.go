package whiteboard_test

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/daemons/whiteboard"
)

// Whatever a segment holds, Decode yields either a record that can be relied on or a verdict on that segment.
func FuzzDecode(f *testing.F) {
	golden := goldenSegment(f)
	f.Add(1, golden[:])
	f.Add(1, golden[:512])
	f.Add(250, segmentOf(`1|1|5|250|0|null|node-250|0|1|014cce8c|0|0`))
	f.Add(1, segmentOf(sealed(`1|1|10|1|100|`+status+`|höst|0|0|crc|1|5|more`)))
	f.Add(1, segmentOf(`1|1|10|1|100|null|h`))
	f.Add(300, segmentOf("\xff\xfe"))
	f.Add(2, segmentOf("2|"))
	f.Add(3, []byte{})
	f.Fuzz(func(t *testing.T, hostID int, segment []byte) {
		before := string(segment)
		record, err := whiteboard.Decode(hostID, segment)
		require.Equal(t, before, string(segment), "Decode changed its input")
		if err != nil {
			var verdict *whiteboard.Error
			require.True(t, errors.As(err, &verdict), "%v is not an *Error", err)
			require.Equal(t, hostID, verdict.Segment)
			require.Zero(t, record)
			require.NotContains(t, err.Error(), "kind 0")
			return
		}
		require.Equal(t, hostID, record.HostID)
		require.True(t, record.HostID >= 1 && record.HostID <= whiteboard.MaxHostID)
		require.True(t, record.Timestamp >= 0 && record.Score >= 0 && record.ConfTimestamp >= 0 && record.ParseVersion <= 1)
		for _, text := range []string{record.EngineStatus, record.HostName, record.Human} {
			require.True(t, utf8.ValidString(text), "%q", text)
			require.False(t, strings.Contains(text, "\x00"))
		}
		engine, _ := whiteboard.ParseEngineStatus(record.EngineStatus)
		require.NoError(t, engine.Check())
		whiteboard.HumanFields(record.Human)
	})
}

func FuzzDecodeGlobal(f *testing.F) {
	f.Add(segmentOf("maintenance=1"))
	f.Add(segmentOf("a=1\nmaintenance=True\nb\n\xff"))
	f.Add(segmentOf(""))
	f.Add([]byte("maintenance=1"))
	f.Fuzz(func(t *testing.T, segment []byte) {
		global, remarks, err := whiteboard.DecodeGlobal(segment)
		if err != nil {
			require.Equal(t, whiteboard.Malformed, kindOf(t, err))
			require.Zero(t, global)
		}
		require.LessOrEqual(t, len(remarks), 16)
		if global.Maintenance {
			require.Contains(t, string(segment), "maintenance", "maintenance out of nowhere")
		}
	})
}

func FuzzParseEngineStatus(f *testing.F) {
	f.Add(status)
	f.Add("null")
	f.Add(`{"vm": "up", "vm": 1, "reason": "\ud800"}`)
	f.Fuzz(func(t *testing.T, raw string) {
		got, err := whiteboard.ParseEngineStatus(raw)
		require.NoError(t, got.Check(), "an unreadable status is a valid unknown one")
		if err == nil {
			again, err := whiteboard.ParseEngineStatus(got.JSON())
			require.NoError(t, err)
			require.Equal(t, got, again)
		}
	})
}
