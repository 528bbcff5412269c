package whiteboard_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/daemons/whiteboard"
)

func TestDecodeGlobal(t *testing.T) {
	for name, test := range map[string]struct {
		segment     []byte
		maintenance bool
		remarks     []string
	}{
		"on":             {segmentOf("maintenance=1"), true, nil},
		"off":            {segmentOf("maintenance=0"), false, nil},
		"never written":  {make([]byte, 4096), false, nil},
		"Python's text":  {segmentOf("maintenance=True\n"), true, nil},
		"yes":            {segmentOf("maintenance = yes"), true, nil},
		"no":             {segmentOf("maintenance=no\n"), false, nil},
		"unknown key":    {segmentOf("new=1\nmaintenance=1\n"), true, []string{`segment 0: unknown key "new"`}},
		"only unknown":   {segmentOf("new=1\n"), false, []string{`segment 0: unknown key "new"`}},
		"a bad line":     {segmentOf("what\nmaintenance=1"), true, []string{`segment 0: line "what" is not key=value`}},
		"a bad byte":     {segmentOf("\xff\xfe\nmaintenance=1"), true, []string{`segment 0: line "\xff\xfe" is not key=value`}},
		"twice":          {segmentOf("maintenance=1\nmaintenance=0\n"), false, []string{"segment 0: maintenance is there more than once; the last one counts"}},
		"behind padding": {segmentOf("maintenance=1\x00maintenance=0"), true, nil},
	} {
		t.Run(name, func(t *testing.T) {
			got, remarks, err := whiteboard.DecodeGlobal(test.segment)
			require.NoError(t, err)
			require.Equal(t, test.maintenance, got.Maintenance)
			require.Equal(t, test.remarks, remarks)
		})
	}
	for name, test := range map[string]struct {
		segment []byte
		says    string
	}{
		"short":         {make([]byte, 4095), "4095 bytes, fewer than 4096"},
		"bad value":     {segmentOf("maintenance=maybe"), `maintenance is "maybe", neither true nor false`},
		"no value":      {segmentOf("maintenance=\n"), `maintenance is ""`},
		"garbage":       {segmentOf("\xff\xfe\xfd"), "not a single key=value line"},
		"garbage and =": {segmentOf("\xff=\xfe"), "not a single key=value line"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := whiteboard.DecodeGlobal(test.segment)
			require.Equal(t, whiteboard.Malformed, kindOf(t, err))
			require.ErrorContains(t, err, "whiteboard segment 0: malformed: "+test.says)
		})
	}
	_, remarks, err := whiteboard.DecodeGlobal(segmentOf(strings.Repeat("x\n", 2000)))
	require.Error(t, err)
	require.LessOrEqual(t, len(remarks), 16, "garbage must not flood the log")
}

func TestGlobalRoundTrips(t *testing.T) {
	for _, want := range []whiteboard.Global{{}, {Maintenance: true}} {
		segment := whiteboard.EncodeGlobal(want)
		got, remarks, err := whiteboard.DecodeGlobal(segment[:])
		require.NoError(t, err)
		require.Empty(t, remarks)
		require.Equal(t, want, got)
	}
}
