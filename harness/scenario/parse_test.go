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

cluster hosts=3 storage=nfs io_timeout=1s time_factor=0.1 vdsm=standin smtp=standin ovf=yes sector=4096
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

fail media error=EIO op=write file=whiteboard segment=2 for=host2 first=1 p=0.5
fail media error=ESTALE
freeze broker for=host1
freeze agent for=host1
freeze sanlock for=host2
freeze vdsm for=host2
freeze smtp for=host2
mount dead for=host2
heal
configure host2 stall_after=2s vm_command="/bin/engine --on host2"
vdsm host2 vm.status=Up image.a/b=/dev/x vm.exitMessage=""
smtp host2 mode=later delay=2s
stop broker on=host2 within=10s
start broker on=host2 within=5s
stop agent on=host1 within=10s code=0
kill broker on=host2
start broker on=host2 within=5s
write segment=300 as=poison
write segment=0 as=zero
call host2 lock_host_id 2 answers ok within=10s
call host2 notify a "b c" {event=x,n=1,t="1"} answers any within=1s
call host2 push_hosts_state [1,2,3] answers nil within=1s
call host2 put_stats 3 base64:AAEC answers fault within=1s
call host2 put_stats_wait -1 2.5 true "true" "answers" "" answers {accepted=true,detail="a, b"} within=1s
call host2 status_monitor 7 answers "ok" within=1s
call host2 get_shared_file vm.conf answers ~"memSize=4096" within=1s
publish ovf store=1 memory=4096 updated=yes
publish ovf store=2 memory=1024 updated=no torn=yes
load host2 clients=1000 slow=100 half_open=100 for=60s
load host2 clients=10 for=1s p99<50ms
expect monitor host2 mgmt-bridge=True within=5s
expect monitor host2 engine-health~"\"vm\": \"up\"" within=5s
expect metric host2 holdfast_lane_stalled{lane=ha-writer} = 1 within=5s
expect metric host2 holdfast_lease_held >= 0.5 within=5s
expect mail host2 subject~EngineUp within=5s
expect mail host2 body~"EngineDown-EngineUp now" within=5s
expect file host2 vm.conf contains="memSize=4096" within=5s
expect mode host2 broker.sock=0666
expect mode host2 broker.sock=0660 within=5s

# the last word

-- sim.golden --
anything
`

// firstWordsText is what is expected at the beginning of a line.
const firstWordsText = `one of cluster, engine, always, never, hang, slow, fail, freeze, drop, mount, heal, wait, expect, set, saw, stop, kill, start, configure, vdsm, smtp, write, publish, call, load`

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
		"cluster storage=iscsi hosts = 2":                         "cluster hosts=2 storage=iscsi io_timeout=10s time_factor=1",
		"cluster storage=iscsi:gotgt hosts=2":                     "cluster hosts=2 storage=iscsi:gotgt io_timeout=10s time_factor=1",
		"  always engines<=1\t":                                   "always engines <= 1",
		"always rpc all p99<10ms max<0.25s":                       "always rpc all p99 < 10ms max < 250ms",
		"expect host2 warns a-b late < 1s within=120s":            "expect host2 warns a-b late<1s within=2m",
		"hang media segment=2 file=whiteboard":                    "hang media file=whiteboard segment=2",
		"slow media file=disk by=1s":                              "slow media by=1s file=disk",
		"engine up within=60s on=any":                             "engine up on=any within=60s",
		"wait 60m":                                                "wait 1h",
		"cluster hosts=2 sector=512 ovf=no storage=nfs vdsm=none": "cluster hosts=2 storage=nfs io_timeout=10s time_factor=1",
		"stop broker within=10s on=host2":                         "stop broker on=host2 within=10s",
		`configure host2 a = "b"`:                                 "configure host2 a=b",
		"configure host2 a=höst":                                  `configure host2 a="höst"`,
		"call host2 x answers any within=1s":                      "call host2 x answers any within=1s",
		"call host2 x [ 1 , a ] { b = c } answers ~ y within=1s":  "call host2 x [1,a] {b=c} answers ~y within=1s",
		"call host2 x base64:AA== answers base64:AA within=1s":    "call host2 x base64:AA answers base64:AA within=1s",
		"call host2 x 007 1.50 1e5 - answers {b=1,a=2} within=1s": "call host2 x 7 1.5 1e5 - answers {b=1,a=2} within=1s",
		"expect metric host2 m{ a = b }<=5.0 within=1s":           "expect metric host2 m{a=b} <= 5 within=1s",
		"load host2 for=1s p99 < 1s clients=9":                    "load host2 clients=9 for=1s p99<1s",
		"fail media p=0.10 first=1 error=EIO":                     "fail media error=EIO first=1 p=0.1",
		"wait 1500ms":                                             "wait 1.5s",
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
		head + "expekt host2 fresh":                            `f.txt:2:1: unknown word "expekt": expected one of cluster, engine, always, never, hang, slow, fail, freeze, drop, mount, heal, wait, expect, set, saw, stop, kill, start, configure, vdsm, smtp, write, publish, call, load; did you mean "expect"?`,
		head + "expect host2 fresh":                            `f.txt:2:19: the line ends too early: expected within=`,
		head + "expect host2 fresh within=5":                   `f.txt:2:27: bad within "5": expected a duration such as 250ms, 5s or 3m, from 1ms to 1h`,
		head + "expect host2 fresh within=5s now":              `f.txt:2:30: "now" is too much: expected the end of the line`,
		head + "expect host2 state=EngineDwon within=5s":       `f.txt:2:20: unknown word "EngineDwon": expected one of ReinitializeFSM, EngineDown, EngineStart, EngineStarting, EngineUp, GlobalMaintenance, StorageBlind; did you mean "EngineDown"?`,
		head + "expect hots2 fresh within=5s":                  `f.txt:2:8: unknown word "hots2": expected one of a host such as host2, disk, view, monitor, metric, mail, file, mode; did you mean "host1"?`,
		head + "wait":                                          `f.txt:2:5: the line ends too early: expected a duration such as 250ms, 5s or 3m, from 1ms to 1h`,
		head + "freeze nsf":                                    `f.txt:2:8: unknown word "nsf": expected one of nfs, iscsi, broker, agent, sanlock, vdsm, smtp; did you mean "nfs"?`,
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
		"wait 3s":                                                 "f.txt:1: \"wait 3s\" before the cluster line: expected `cluster hosts=3 storage=nfs io_timeout=1s time_factor=0.1` as the first statement",
		head + head:                                               `f.txt:2: a second cluster line; the first is line 1: expected exactly one`,
		"# only prose":                                            "f.txt:1: the file has no statement: expected `cluster hosts=3 storage=nfs io_timeout=1s time_factor=0.1`",
		head + "wait \x00":                                        `f.txt:2: the line has bytes that are not printable text: expected UTF-8`,
		head + "saw host1 fresh":                                  `f.txt:2:11: unknown word "fresh": expected one of state, warns, lane`,
		head + "set maintenance=local via=host1":                  `f.txt:2:17: unknown word "local": expected global or none; did you mean "global"?`,
		head + "stop borker on=host2 within=1s":                   `f.txt:2:6: unknown word "borker": expected one of broker, agent, sanlock, vdsm, smtp; did you mean "broker"?`,
		head + "stop broker on=host2":                             `f.txt:2:21: the line ends too early: expected within=`,
		head + "stop broker on=host2 within=1s code=256":          `f.txt:2:37: bad exit code "256": expected a whole number from 0 to 255`,
		head + "write segment=3 as=poisn":                         `f.txt:2:20: unknown word "poisn": expected one of poison, badblock, foreign, multibyte, toonew, torn, zero; did you mean "poison"?`,
		head + "write segment=2001 as=zero":                       `f.txt:2:15: bad segment "2001": expected a whole number from 0 to 2000`,
		head + "fail media op=write":                              `f.txt:2:20: the line ends too early: expected error=`,
		head + "fail media error=EIOO":                            `f.txt:2:18: unknown word "EIOO": expected one of EIO, ENOSPC, ESTALE, EROFS; did you mean "EIO"?`,
		head + "fail media error=EIO p=1":                         `f.txt:2:24: bad probability "1": expected a decimal number above 0 and below 1`,
		head + "hang media error=EIO":                             `f.txt:2:12: error= does not fit here: hang media keeps requests for good; fail media answers them with an error`,
		head + "freeze sanlock":                                   `f.txt:2:15: the line ends too early: expected for=`,
		head + "mount deadd for=host2":                            `f.txt:2:7: unknown word "deadd": expected dead; did you mean "dead"?`,
		head + "call host2 get_health within=1s":                  `f.txt:2:29: "=" does not fit here: expected an argument, or answers`,
		head + "call host2 x {a} answers ok within=1s":            `f.txt:2:14: "a" is not KEY=VALUE: expected a number, true, false, a text, base64:..., [ITEM,...] or {KEY=VALUE,...}`,
		head + "call host2 x {a=1 answers ok within=1s":           `f.txt:2:14: the bracket '{' has no end: expected an argument, or answers`,
		head + `call host2 x "a answers ok within=1s`:             `f.txt:2:14: the quotation mark has no end: expected an argument, or answers`,
		head + "call host2 x base64:!! answers ok within=1s":      `f.txt:2:14: bad text "base64:!!"; put it in quotation marks: expected a number, true, false, a text, base64:..., [ITEM,...] or {KEY=VALUE,...}`,
		head + "expect file host2 vm.conf contains=a=b within=1s": `f.txt:2:36: bad text "a": expected quotation marks around a text with blanks, brackets or operators`,
		head + "expect mode host2 broker.sock=666":                `f.txt:2:31: bad permissions "666": expected permissions in octal digits, such as 0660`,
		head + "expect metric host2 m{} <= 5 within=1s":           `f.txt:2:21: bad metric "m{}": expected a metric such as holdfast_lane_stalled{lane=ha-writer}`,
		head + "expect metric host2 m <> 5 within=1s":             `f.txt:2:24: ">" does not fit here: expected a decimal number`,
		head + "expect monitor host2 mgmt-brigde=True within=1s":  `f.txt:2:22: unknown word "mgmt-brigde": expected one of network, ping, mgmt-bridge, mem-free, cpu-load, cpu-load-no-engine, engine-health, storage-domain, ovf; did you mean "mgmt-bridge"?`,
		head + "configure host2":                                  `f.txt:2:16: the line ends too early: expected a key of holdfast.conf`,
		head + "configure host2 a=1 a=2":                          `f.txt:2:21: a= stands twice`,
		head + "load host2 clients=10 for=1s p99=1s":              `f.txt:2:33: "=" does not fit here: expected <`,
		head + "publish ovf store=3 memory=1":                     `f.txt:2:19: bad number of an OVF_STORE "3": expected a whole number from 1 to 2`,
		head + `"wait" 3s`:                                        `f.txt:2:1: "wait" does not fit here: expected ` + firstWordsText,
		head + "expect host2 warns Storage within=5s":             `f.txt:2:20: bad code "Storage": expected a warning's code such as storage-stalled`,
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
		head + "wait 1s\nexpect host4 fresh within=1s":                                                 `f.txt:3: the cluster has no host4: expected host1 to host3`,
		head + "saw host9 state=EngineUp":                                                              `f.txt:2: the cluster has no host9: expected host1 to host3`,
		head + "drop path for=host4":                                                                   `f.txt:2: the cluster has no host4: expected host1 to host3`,
		head + "freeze iscsi":                                                                          `f.txt:2: there is no iSCSI target to freeze with storage=nfs; did you mean "freeze nfs"?`,
		"cluster hosts=3 storage=iscsi\nfreeze nfs":                                                    `f.txt:2: there is no NFS server to freeze with storage=iscsi; did you mean "freeze iscsi"?`,
		head + "hang media segment=2":                                                                  `f.txt:2: segment= without file=whiteboard: only the whiteboard has segments: expected file=whiteboard`,
		head + "hang media file=whiteboard segment=7":                                                  `f.txt:2: no host writes segment 7, so the fault would hold nothing: expected 0 (the cluster's own) or a host's number, 1 to 3`,
		head + "hang media op=write file=whiteboard segment=1 for=host2":                               `f.txt:2: host2 does not write segment 1, so the fault would hold nothing: expected its own segment, or 0`,
		head + "hang media for=host4":                                                                  `f.txt:2: the cluster has no host4: expected host1 to host3`,
		head + "heal":                                                                                  `f.txt:2: nothing to heal: no fault is in effect here`,
		head + "freeze nfs\nheal\nwait 1s\nheal freeze nfs":                                            `f.txt:5: "freeze nfs" is not in effect here: expected an earlier fault line that is not healed yet`,
		head + "hang media op=read\nheal hang media op=write":                                          `f.txt:3: "hang media op=write" is not in effect here: expected one of the faults in effect; did you mean "hang media op=read"?`,
		head + "freeze nfs\nfreeze nfs":                                                                "f.txt:3: the same fault is in effect since line 2: expected `heal freeze nfs` before it",
		head + "always rpc all p99 < 1s max < 10ms":                                                    `f.txt:2: p99 < 1s allows more than max < 10ms: expected p99 at most max`,
		head + "expect host1 warns config late<1s within=1s":                                           `f.txt:2: late< without a fault before it: there is no stalled operation to count from`,
		head + "freeze smtp for=host2":                                                                 `f.txt:2: no mail server runs in the cluster: expected smtp=standin in the cluster line`,
		head + "freeze vdsm for=host2":                                                                 `f.txt:2: no VDSM stand-in runs in the cluster: expected vdsm=standin in the cluster line`,
		head + "vdsm host2 a=b":                                                                        `f.txt:2: no VDSM stand-in runs in the cluster: expected vdsm=standin in the cluster line`,
		head + "publish ovf store=1 memory=1":                                                          `f.txt:2: the cluster has no OVF_STORE: expected ovf=yes in the cluster line`,
		head + "expect mail host2 subject~x within=1s":                                                 `f.txt:2: no mail server runs in the cluster: expected smtp=standin in the cluster line`,
		head + "expect file host2 vm.conf contains=x within=1s":                                        `f.txt:2: without an OVF_STORE nothing writes vm.conf: expected ovf=yes in the cluster line`,
		head + "saw host2 lane=ha-ovf blocked":                                                         `f.txt:2: without an OVF_STORE the lane ha-ovf has nothing to do: expected ovf=yes in the cluster line`,
		head + "call host4 x answers any within=1s":                                                    `f.txt:2: the cluster has no host4: expected host1 to host3`,
		head + "kill broker on=host2\nstop broker on=host2 within=1s":                                  "f.txt:3: the broker of host2 does not run since line 2: expected `start broker` before it",
		head + "kill broker on=host2\nset maintenance=global via=host2":                                "f.txt:3: the broker of host2 does not run since line 2: expected `start broker` before it",
		head + "start broker on=host2 within=1s":                                                       "f.txt:2: the broker of host2 runs already: expected `stop broker` or `kill broker` before it",
		head + "freeze broker for=host2\nkill broker on=host2":                                         "f.txt:3: the broker of host2 is frozen since line 2, and its end would be taken for the end of the fault: expected `heal freeze broker for=host2` before it",
		head + "configure host2 stall_aftr=1s":                                                         `f.txt:2: holdfast.conf has no key "stall_aftr": expected one of those in daemons/packaging/holdfast.conf; did you mean "stall_after"?`,
		head + "load host2 clients=2 slow=1 half_open=1 for=1s":                                        `f.txt:2: 1 slow and 1 half-open of 2 clients: no good one is left to judge by: expected fewer`,
		head + "fail media error=EROFS op=read":                                                        `f.txt:2: a read never fails with EROFS: expected op=write, op=fsync, or another error`,
		head + "hang media op=fsync file=whiteboard segment=1":                                         `f.txt:2: op=fsync with segment=: it concerns the whole file: expected one of the two`,
		head + "kill broker on=host2\nstart broker on=host2 within=1s\nstop broker on=host2 within=1s": "",
		head + "freeze nfs\nheal freeze nfs\nfreeze nfs\nheal ":                                        "",
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
