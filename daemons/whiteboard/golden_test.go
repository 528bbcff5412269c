package whiteboard_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/daemons/whiteboard"
)

// The blocks in this file were written by upstream's own code (zone UTC).

const (
	goldenMachine = `1|1|86400|1|3400|{"vm": "up", "health": "good", "detail": "Up"}|host1.example.com|0|0|51433aa8|1|86390`
	goldenHuman   = "metadata_parse_version=1\nmetadata_feature_version=1\ntimestamp=86400 (Tue Nov 14 22:13:20 2023)\n" +
		"host-id=1\nscore=3400\nvm_conf_refresh_time=86390 (Tue Nov 14 22:13:20 2023)\nconf_on_shared_storage=True\n" +
		"maintenance=False\nstate=EngineUp\nstopped=False\n"

	goldenSegmentSHA256 = "096f1c072335a20c091167fbc0784eeee8a4b6d141446bfe49e9a5d225495cd4"
	goldenGlobalSHA256  = "cf004d2800a04853ce95548dcff1890ddc418e95beeff605db7e506dee253398"

	// Bytes 0 to 0x65 and 0x200 to 0x2f4; all others are 0.
	goldenMachineHex = "317c317c38363430307c317c333430307c7b22766d223a20227570222c20226865616c7468223a2022676f6f64222c20" +
		"2264657461696c223a20225570227d7c686f7374312e6578616d706c652e636f6d7c307c307c35313433336161387c317c3836333930"
	goldenHumanHex = "6d657461646174615f70617273655f76657273696f6e3d310a6d657461646174615f666561747572655f76657273696f6e3d31" +
		"0a74696d657374616d703d38363430302028547565204e6f762031342032323a31333a3230203230323329" +
		"0a686f73742d69643d310a73636f72653d333430300a766d5f636f6e665f726566726573685f74696d653d3836333930202854" +
		"7565204e6f762031342032323a31333a32302032303233290a636f6e665f6f6e5f7368617265645f73746f726167653d54727565" +
		"0a6d61696e74656e616e63653d46616c73650a73746174653d456e67696e6555700a73746f707065643d46616c73650a"
)

var goldenWall = time.Date(2023, time.November, 14, 22, 13, 20, 0, time.UTC)

func goldenRecord() whiteboard.Record {
	return whiteboard.Record{
		ParseVersion: 1, FeatureVersion: 1, Timestamp: 86400, HostID: 1, Score: 3400,
		EngineStatus: whiteboard.EngineStatus{VM: "up", Health: "good", Detail: "Up"}.JSON(),
		HostName:     "host1.example.com", CRC: 0x51433aa8, ConfOnSharedStorage: true, ConfTimestamp: 86390,
	}
}

func goldenSegment(t testing.TB) whiteboard.Segment {
	t.Helper()
	record := goldenRecord()
	segment, err := whiteboard.Encode(record, record.HumanPart(goldenWall, goldenWall,
		whiteboard.Field{Key: "state", Value: "EngineUp"},
		whiteboard.BoolField("stopped", false), whiteboard.BoolField("maintenance", false)))
	require.NoError(t, err)
	return segment
}

// segmentOf makes the segment that holds the given text at its beginning.
func segmentOf(text string) []byte {
	var segment whiteboard.Segment
	copy(segment[:], text)
	return segment[:]
}

func TestEncodeMakesUpstreamsBlockByteForByte(t *testing.T) {
	segment := goldenSegment(t)
	require.Equal(t, goldenMachineHex, hex.EncodeToString(segment[:len(goldenMachine)]))
	require.Equal(t, goldenHumanHex, hex.EncodeToString(segment[0x200:0x200+len(goldenHuman)]))
	require.Equal(t, 0x2f5, 0x200+len(goldenHuman))
	require.Equal(t, goldenMachine, strings.TrimRight(string(segment[:0x200]), "\x00"))
	require.Equal(t, goldenHuman, strings.TrimRight(string(segment[0x200:]), "\x00"))
	require.Equal(t, goldenSegmentSHA256, fmt.Sprintf("%x", sha256.Sum256(segment[:])))
}

func TestDecodeReadsUpstreamsBlock(t *testing.T) {
	segment := goldenSegment(t)
	got, err := whiteboard.Decode(1, segment[:])
	require.NoError(t, err)
	want := goldenRecord()
	want.Human = goldenHuman
	require.Equal(t, want, got)
	require.Equal(t, []whiteboard.Field{{Key: "maintenance", Value: "False"}, {Key: "state", Value: "EngineUp"}, {Key: "stopped", Value: "False"}},
		whiteboard.HumanFields(got.Human)[7:])

	// The agent hands over 1024 bytes; the machine part alone is enough.
	for _, size := range []int{512, 1024} {
		got, err = whiteboard.Decode(1, segment[:size])
		require.NoError(t, err)
		require.Equal(t, want.CRC, got.CRC)
	}
}

func TestGlobalBlockIsUpstreamsByteForByte(t *testing.T) {
	segment := whiteboard.EncodeGlobal(whiteboard.Global{Maintenance: true})
	require.Equal(t, "6d61696e74656e616e63653d31", hex.EncodeToString(segment[:13]))
	require.Equal(t, goldenGlobalSHA256, fmt.Sprintf("%x", sha256.Sum256(segment[:])))

	off := whiteboard.EncodeGlobal(whiteboard.Global{})
	require.Equal(t, segmentOf("maintenance=0"), off[:])
}

func TestChecksumVectors(t *testing.T) {
	for _, vector := range []struct {
		hostID  int
		machine string
		want    whiteboard.Record
	}{
		{1, goldenMachine, goldenRecord()},
		{
			2,
			`1|1|86400|2|3400|{"vm": "down", "health": "bad", "detail": "unknown", "reason": "vm not running on this host"}|host2.example.com|0|0|1ce3b8a9|1|86390`,
			whiteboard.Record{
				ParseVersion: 1, FeatureVersion: 1, Timestamp: 86400, HostID: 2, Score: 3400,
				EngineStatus: whiteboard.EngineStatus{VM: "down", Health: "bad", Detail: "unknown", Reason: "vm not running on this host"}.JSON(),
				HostName:     "host2.example.com", CRC: 0x1ce3b8a9, ConfOnSharedStorage: true, ConfTimestamp: 86390,
			},
		},
		{
			7,
			`1|1|123456|7|0|{"vm": "unknown", "health": "unknown", "detail": "unknown", "reason": "failed to getVmStats"}|h7|1|0|8914254f|1|0`,
			whiteboard.Record{
				ParseVersion: 1, FeatureVersion: 1, Timestamp: 123456, HostID: 7,
				EngineStatus: whiteboard.UnknownEngineStatus("failed to getVmStats").JSON(),
				HostName:     "h7", Maintenance: true, CRC: 0x8914254f, ConfOnSharedStorage: true,
			},
		},
		{
			250,
			`1|1|5|250|0|null|node-250|0|1|014cce8c|0|0`,
			whiteboard.Record{
				ParseVersion: 1, FeatureVersion: 1, Timestamp: 5, HostID: 250, EngineStatus: "null", HostName: "node-250",
				Stopped: true, CRC: 0x014cce8c,
			},
		},
	} {
		t.Run(fmt.Sprintf("host %d", vector.hostID), func(t *testing.T) {
			got, err := whiteboard.Decode(vector.hostID, segmentOf(vector.machine))
			require.NoError(t, err)
			require.Equal(t, vector.want, got)

			segment, err := whiteboard.Encode(got, got.HumanPart(goldenWall, goldenWall))
			require.NoError(t, err)
			require.Equal(t, vector.machine, strings.TrimRight(string(segment[:whiteboard.MachineSize]), "\x00"))
		})
	}
}

func TestHumanPartPrintsTimesAsCtimeDoes(t *testing.T) {
	record := goldenRecord()
	east := time.FixedZone("east", 2*3600)
	day := time.Date(2024, time.March, 5, 23, 4, 9, 0, time.UTC)
	segment, err := whiteboard.Encode(record, record.HumanPart(day, day.In(east), whiteboard.TimeField("timeout", day)))
	require.NoError(t, err)
	got, err := whiteboard.Decode(1, segment[:])
	require.NoError(t, err)
	require.Contains(t, got.Human, "timestamp=86400 (Tue Mar  5 23:04:09 2024)\n", "the day is padded with a blank")
	require.Contains(t, got.Human, "vm_conf_refresh_time=86390 (Wed Mar  6 01:04:09 2024)\n", "in the time's own zone")
	require.Contains(t, got.Human, "timeout=Tue Mar  5 23:04:09 2024\n")
}
