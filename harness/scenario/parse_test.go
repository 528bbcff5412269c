package scenario

import (
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const whole = `# A first line of prose.
#
#   indented

cluster hosts=3 storage=nfs io_timeout=1s time_factor=0.1
engine up on=host1 within=30s
always engines <= 1
always rpc host2 p99 < 10ms max < 250ms
always rpc all p99 < 1.5ms max < 1.000000001s
always agent host2 gap < 2s
always threads host2 growth <= 8
always descriptors all growth <= 8
never start on=host2

# a comment in the middle
hang media op=write file=whiteboard segment=2
slow media by=200ms op=write file=whiteboard
freeze nfs
drop path for=host2
heal hang media op=write file=whiteboard segment=2
heal
wait 3s
expect host2 lane=ha-writer blocked within=5s
expect host2 warns storage-stalled late<1s within=10s
expect host2 warns storage-stalled within=10s
expect host2 clear storage-stalled within=10s
expect host2 fresh within=5s
expect host2 lease=held within=30s
expect host2 state=EngineDown within=30s
expect host2 updates=10 within=90s
expect disk maintenance=global within=5s
expect disk maintenance=none within=5s
expect view host3 maintenance=global within=10s
set maintenance=global via=host2
set maintenance=none via=host2
saw host2 state=StorageBlind
saw host2 warns storage-stalled
saw host2 lane=ha-writer blocked

# the last word

-- sim.golden --
anything
`

func TestCanonicalTextPrintsBack(t *testing.T) {
	s, err := Parse("dir/whole.txt", []byte(whole))
	require.NoError(t, err)
	require.NoError(t, Check(s))
	require.Equal(t, whole, s.String())
	require.Equal(t, "whole", s.Name)
	require.Equal(t, []string{"A first line of prose.", "", "  indented"}, s.Prose)
	require.Equal(t, "sim.golden", s.Sections[0].Name)
	for _, statement := range s.Statements {
		line := strings.Split(whole, "\n")[statement.Line()-1]
		require.Equal(t, line, statement.String(), "line %d", statement.Line())
		again, err := ParseStatement(line)
		require.NoError(t, err, line)
		again.setLine(statement.Line())
		require.True(t, reflect.DeepEqual(statement, again), "%s: got %#v, want %#v", line, again, statement)
	}
}

func TestSpacingAndOrderAreFree(t *testing.T) {
	for loose, canonical := range map[string]string{
		"cluster storage=iscsi hosts = 2":              "cluster hosts=2 storage=iscsi io_timeout=10s time_factor=1",
		"cluster storage=iscsi:gotgt hosts=2":          "cluster hosts=2 storage=iscsi:gotgt io_timeout=10s time_factor=1",
		"  always engines<=1\t":                        "always engines <= 1",
		"always rpc all p99<10ms max<0.25s":            "always rpc all p99 < 10ms max < 250ms",
		"expect host2 warns a-b late < 1s within=120s": "expect host2 warns a-b late<1s within=2m",
		"hang media segment=2 file=whiteboard":         "hang media file=whiteboard segment=2",
		"slow media file=disk by=1s":                   "slow media by=1s file=disk",
		"engine up within=60s on=any":                  "engine up on=any within=60s",
		"wait 60m":                                     "wait 1h",
		"wait 1500ms":                                  "wait 1.5s",
	} {
		s, err := ParseStatement(loose)
		require.NoError(t, err, loose)
		require.Equal(t, canonical, s.String())
	}
}

func TestMistakesSayWhereWhatAndTheNearestWord(t *testing.T) {
	const head = "cluster hosts=3 storage=nfs\n"
	for text, want := range map[string]string{
		head + "expect host2 lnae=ha-writer blocked within=5s": `f.txt:2:14: unknown word "lnae": expected one of lane, warns, clear, fresh, lease, state, updates; did you mean "lane"?`,
		head + "expekt host2 fresh":                            `f.txt:2:1: unknown word "expekt": expected one of cluster, engine, always, never, hang, slow, freeze, drop, heal, wait, expect, set, saw; did you mean "expect"?`,
		head + "expect host2 fresh":                            `f.txt:2:19: the line ends too early: expected within=`,
		head + "expect host2 fresh within=5":                   `f.txt:2:27: bad within "5": expected a duration such as 250ms, 5s or 3m, from 1ms to 1h`,
		head + "expect host2 fresh within=5s now":              `f.txt:2:30: "now" is too much: expected the end of the line`,
		head + "expect host2 state=EngineDwon within=5s":       `f.txt:2:20: unknown word "EngineDwon": expected one of ReinitializeFSM, EngineDown, EngineStart, EngineStarting, EngineUp, GlobalMaintenance, StorageBlind; did you mean "EngineDown"?`,
		head + "expect hots2 fresh within=5s":                  `f.txt:2:8: unknown word "hots2": expected one of a host such as host2, disk, view; did you mean "host1"?`,
		head + "wait":                                          `f.txt:2:5: the line ends too early: expected a duration such as 250ms, 5s or 3m, from 1ms to 1h`,
		head + "freeze nsf":                                    `f.txt:2:8: unknown word "nsf": expected nfs or iscsi; did you mean "nfs"?`,
		head + "freeze nfs for=host2":                          `f.txt:2:12: "for" is too much: expected the end of the line`,
		head + "hang media op=wrote":                           `f.txt:2:15: unknown word "wrote": expected one of read, write, fsync; did you mean "write"?`,
		head + "hang media op=write op=read":                   `f.txt:2:21: op= stands twice`,
		head + "hang media by=5s":                              `f.txt:2:12: by= does not fit here: hang media keeps requests for good; slow media delays them`,
		head + "slow media op=write":                           `f.txt:2:20: the line ends too early: expected by=`,
		head + "always rpc all p99 <= 10ms max < 1s":           `f.txt:2:20: "<=" does not fit here: expected <`,
		head + "always engine <= 1":                            `f.txt:2:8: unknown word "engine": expected one of engines, rpc, agent, threads, descriptors; did you mean "engines"?`,
		"cluster hosts=3":                                      `f.txt:1:16: the line ends too early: expected storage=`,
		"cluster hosts=0 storage=nfs":                          `f.txt:1:15: bad number of hosts "0": expected a whole number from 1 to 9`,
		"cluster hosts=3 storage=nfs4":                         `f.txt:1:25: unknown word "nfs4": expected one of nfs, iscsi, iscsi:gotgt; did you mean "nfs"?`,
		"cluster hosts=3 storage=nfs io_timeout=1500ms":        `f.txt:1:40: bad io_timeout "1500ms": expected whole seconds, as sanlock counts them`,
		"cluster hosts=3 storage=nfs time_factor=1e-1":         `f.txt:1:41: bad time_factor "1e-1": expected a decimal number from 0.05 to 10`,
		"wait 3s":                                "f.txt:1: \"wait 3s\" before the cluster line: expected `cluster hosts=3 storage=nfs io_timeout=1s time_factor=0.1` as the first statement",
		head + head:                              `f.txt:2: a second cluster line; the first is line 1: expected exactly one`,
		"# only prose":                           "f.txt:1: the file has no statement: expected `cluster hosts=3 storage=nfs io_timeout=1s time_factor=0.1`",
		head + "wait \x00":                       `f.txt:2: the line has bytes that are not printable text: expected UTF-8`,
		head + "saw host1 fresh":                 `f.txt:2:11: unknown word "fresh": expected one of state, warns, lane`,
		head + "set maintenance=local via=host1": `f.txt:2:17: unknown word "local": expected global or none; did you mean "global"?`,
		head + "expect host2 warns Storage within=5s": `f.txt:2:20: bad code "Storage": expected a warning's code such as storage-stalled`,
	} {
		_, err := Parse("f.txt", []byte(text))
		require.Error(t, err, text)
		require.Equal(t, want, err.Error(), text)
	}
}

func TestAllMistakesOfAFileAreReportedAtOnce(t *testing.T) {
	_, err := Parse("f.txt", []byte("cluster hosts=3 storage=nfs\nwiat 3s\nwait 3s\nheel\n"))
	var list Errors
	require.ErrorAs(t, err, &list)
	require.Len(t, list, 2)
	require.Equal(t, 2, list[0].Line)
	require.Equal(t, 4, list[1].Line)
	var one *Error
	require.ErrorAs(t, err, &one)
	require.Equal(t, "wait", one.Nearest)

	_, err = Parse("f.txt", []byte(strings.Repeat("wiat\n", 1000)))
	require.ErrorAs(t, err, &list)
	require.Len(t, list, maxErrors)
}

func TestCheckFindsWhatSingleLinesCannotShow(t *testing.T) {
	const head = "cluster hosts=3 storage=nfs\n"
	for text, want := range map[string]string{
		head + "wait 1s\nexpect host4 fresh within=1s":                   `f.txt:3: the cluster has no host4: expected host1 to host3`,
		head + "saw host9 state=EngineUp":                                `f.txt:2: the cluster has no host9: expected host1 to host3`,
		head + "drop path for=host4":                                     `f.txt:2: the cluster has no host4: expected host1 to host3`,
		head + "freeze iscsi":                                            `f.txt:2: there is no iSCSI target to freeze with storage=nfs; did you mean "freeze nfs"?`,
		"cluster hosts=3 storage=iscsi\nfreeze nfs":                      `f.txt:2: there is no NFS server to freeze with storage=iscsi; did you mean "freeze iscsi"?`,
		head + "hang media segment=2":                                    `f.txt:2: segment= without file=whiteboard: only the whiteboard has segments: expected file=whiteboard`,
		head + "hang media file=whiteboard segment=7":                    `f.txt:2: no host writes segment 7, so the fault would hold nothing: expected 0 (the cluster's own) or a host's number, 1 to 3`,
		head + "hang media op=write file=whiteboard segment=1 for=host2": `f.txt:2: host2 does not write segment 1, so the fault would hold nothing: expected its own segment, or 0`,
		head + "hang media for=host4":                                    `f.txt:2: the cluster has no host4: expected host1 to host3`,
		head + "heal":                                                    `f.txt:2: nothing to heal: no fault is in effect here`,
		head + "freeze nfs\nheal\nwait 1s\nheal freeze nfs":              `f.txt:5: "freeze nfs" is not in effect here: expected an earlier fault line that is not healed yet`,
		head + "hang media op=read\nheal hang media op=write":            `f.txt:3: "hang media op=write" is not in effect here: expected one of the faults in effect; did you mean "hang media op=read"?`,
		head + "freeze nfs\nfreeze nfs":                                  "f.txt:3: the same fault is in effect since line 2: expected `heal freeze nfs` before it",
		head + "always rpc all p99 < 1s max < 10ms":                      `f.txt:2: p99 < 1s allows more than max < 10ms: expected p99 at most max`,
		head + "expect host1 warns config late<1s within=1s":             `f.txt:2: late< without a fault before it: there is no stalled operation to count from`,
		head + "freeze nfs\nheal freeze nfs\nfreeze nfs\nheal ":          "",
	} {
		s, err := Parse("f.txt", []byte(text))
		require.NoError(t, err, text)
		err = Check(s)
		if want == "" {
			require.NoError(t, err, text)
			continue
		}
		require.EqualError(t, err, want, text)
	}
}

func TestCheckKnowsTheWarnings(t *testing.T) {
	s, err := Parse("f.txt", []byte("cluster hosts=3 storage=nfs\nexpect host1 warns storage-staled within=1s"))
	require.NoError(t, err)
	var one *Error
	require.ErrorAs(t, Check(s), &one)
	require.Equal(t, 2, one.Line)
	require.Equal(t, `no daemon warns "storage-staled"`, one.Problem)
	require.Equal(t, "storage-stalled", one.Nearest)
	require.Contains(t, one.Expected, "lease-lost")
}

func TestRemarks(t *testing.T) {
	s, err := Parse("f.txt", []byte("cluster hosts=3 storage=nfs\nwait 60m\n"))
	require.NoError(t, err)
	require.NoError(t, Check(s))
	remarks := Remarks(s)
	require.Len(t, remarks, 5, "no prose, two lines not canonical, no claim, no fault")
	require.Equal(t, Remark{Line: 2, Text: `"wait 60m" is canonically written "wait 1h"`}, remarks[2])
}
