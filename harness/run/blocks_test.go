package run

import (
	"bytes"
	"errors"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/daemons/whiteboard"
	"github.com/holdfast-ha/holdfast/harness/scenario"
)

// TestDamagesAreWhatTheySay: each block is wrong in the way that its word says and in no other.
func TestDamagesAreWhatTheySay(t *testing.T) {
	standing, err := goodRecord(2, nil, 0)
	require.NoError(t, err)
	for _, c := range []struct {
		as   scenario.Damage
		kind whiteboard.Kind // 0: it decodes
	}{
		{scenario.DamagePoison, 0},
		{scenario.DamageBadBlock, 0},
		{scenario.DamageForeign, whiteboard.Foreign},
		{scenario.DamageMultibyte, 0},
		{scenario.DamageTooNew, whiteboard.TooNew},
		{scenario.DamageTorn, 0},
		{scenario.DamageZero, whiteboard.Absent},
	} {
		for _, segment := range []int{2, 300, 2000} {
			current := make([]byte, whiteboard.SegmentSize)
			if segment == 2 {
				current = standing
			}
			block, what, err := damaged(c.as, segment, current)
			require.NoError(t, err, "%s", c.as)
			require.Len(t, block, whiteboard.SegmentSize)
			require.NotEmpty(t, what)
			_, err = whiteboard.Decode(segment, block)
			var verdict *whiteboard.Error
			if c.kind == 0 {
				require.NoError(t, err, "%s in segment %d", c.as, segment)
				continue
			}
			require.True(t, errors.As(err, &verdict), "%s in segment %d: %v", c.as, segment, err)
			require.Equal(t, c.kind, verdict.Kind, "%s in segment %d: %v", c.as, segment, err)
		}
	}
}

func TestDamagesDiffer(t *testing.T) {
	standing, err := goodRecord(2, nil, 0)
	require.NoError(t, err)
	was, err := whiteboard.Decode(2, standing)
	require.NoError(t, err)
	make := func(as scenario.Damage) ([]byte, whiteboard.Record) {
		block, _, err := damaged(as, 2, standing)
		require.NoError(t, err)
		record, _ := whiteboard.Decode(2, block)
		return block, record
	}
	block, _ := make(scenario.DamagePoison)
	require.True(t, bytes.Contains(block[whiteboard.MachineSize:], []byte("\xff\xfe")))
	require.False(t, utf8.Valid(block))
	require.True(t, utf8.Valid(block[:whiteboard.MachineSize]), "the machine part is whole")

	_, record := make(scenario.DamageBadBlock)
	_, err = whiteboard.ParseEngineStatus(record.EngineStatus)
	require.Error(t, err, "the engine status is no JSON: %s", record.EngineStatus)

	_, record = make(scenario.DamageMultibyte)
	require.Equal(t, "höst-ünï-主机", record.HostName)

	block, record = make(scenario.DamageTorn)
	require.Equal(t, was.Timestamp+newer, record.Timestamp)
	require.Equal(t, standing[whiteboard.MachineSize:], block[whiteboard.MachineSize:], "the rest is as it was")
}
