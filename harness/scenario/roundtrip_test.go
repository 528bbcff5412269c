package scenario

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// FuzzParse: whatever parses prints to a text that parses to the same statements, and that text is its own canonical form.
func FuzzParse(f *testing.F) {
	f.Add(whole)
	f.Add("cluster hosts=1 storage=iscsi:gotgt\r\n\r\n#x\r\nwait 1.000000001s\r\n-- a b --\r\nx\r\n-- c --\r\n")
	f.Add("#\n# a\n\n# b\n\n\ncluster storage=nfs hosts=9 time_factor=.1\n\n\n# c\n\n# d\nheal\n# e\n\n")
	const head = "cluster hosts=2 storage=nfs vdsm=standin smtp=standin ovf=yes sector=4096\n"
	f.Add(head + `call host1 x "a\"b" [1,"]",-2.5] {a="}",b=base64:AA==} base64:AA= "\xff" answers ~"" within=1s` + "\n")
	f.Add(head + `call host1 x {a=1 "b answers {a=1,,} within=1s` + "\n[\n{\n\"\n")
	f.Add(head + `expect metric host1 m{a="b,c",d=e}>=-0.5 within=1s` + "\nexpect mode host1 a=7777\nload host1 p99<1s for=1s clients=3\n")
	f.Add(head + `configure host1 a="" b=" " vm_command="x=y"` + "\nvdsm host1 image.a/b=/x\nexpect file host1 vm.conf contains=\"\u00e9\" within=1s\n")
	paths, err := filepath.Glob("../../scenarios/*.txt")
	require.NoError(f, err)
	for _, path := range paths {
		data, err := os.ReadFile(path)
		require.NoError(f, err)
		f.Add(string(data))
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse("f.txt", []byte(text))
		if err != nil {
			require.NotEmpty(t, err.Error())
			return
		}
		_ = Check(s)
		_ = Remarks(s)
		printed := s.String()
		again, err := Parse("f.txt", []byte(printed))
		require.NoError(t, err, "the printed text does not parse:\n%s", printed)
		require.Equal(t, printed, again.String(), "printing is not stable")
		require.Equal(t, s.Prose, again.Prose)
		require.Len(t, again.Statements, len(s.Statements))
		for i := range s.Statements {
			require.Equal(t, unplaced(s.Statements[i]), unplaced(again.Statements[i]), "statement %d: %s", i, s.Statements[i])
		}
		require.Len(t, again.Sections, len(s.Sections))
		for i := range s.Sections {
			require.Equal(t, s.Sections[i].Name, again.Sections[i].Name)
		}
	})
}

// unplaced takes the line away, so that statements can be compared.
func unplaced(s Statement) Statement {
	s.setLine(0)
	return s
}

// Every statement that can be built prints to a text that parses to the same statement.
func TestStatementsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := anyStatement(t)
		text := want.String()
		got, err := ParseStatement(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
		require.Equal(t, text, got.String())
	})
}

// One wrong letter in a word never panics, and an error points into the line.
func TestDamagedStatementsAreRefusedInPlace(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := []byte(anyStatement(t).String())
		text[rapid.IntRange(0, len(text)-1).Draw(t, "at")] = byte(rapid.IntRange(33, 126).Draw(t, "byte"))
		_, err := ParseStatement(string(text))
		if err == nil {
			return
		}
		var one *Error
		require.ErrorAs(t, err, &one)
		require.GreaterOrEqual(t, one.Column, 1, string(text))
		require.LessOrEqual(t, one.Column, len(text)+1, string(text))
	})
}

func TestDurationsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := time.Duration(rapid.Int64Range(0, int64(1000*time.Hour)).Draw(t, "d"))
		got, err := time.ParseDuration(Duration(want))
		require.NoError(t, err)
		require.Equal(t, want, got, Duration(want))
	})
	for d, want := range map[time.Duration]string{
		time.Minute: "60s", 90 * time.Second: "90s", 2 * time.Minute: "2m", time.Hour: "1h", 90 * time.Minute: "90m",
		1500 * time.Microsecond: "1.5ms", 250 * time.Nanosecond: "250ns", 1050 * time.Millisecond: "1.05s",
	} {
		require.Equal(t, want, Duration(d))
	}
}

func anyStatement(t *rapid.T) Statement {
	host := rapid.Custom(func(t *rapid.T) string { return "host" + itoa(rapid.IntRange(1, 9).Draw(t, "n")) })
	or := func(word string) *rapid.Generator[string] { return rapid.OneOf(host, rapid.Just(word)) }
	span := func(low, high time.Duration) time.Duration {
		return time.Duration(rapid.Int64Range(int64(low), int64(high)).Draw(t, "duration"))
	}
	one := func(words []string) string { return rapid.SampledFrom(words).Draw(t, "word") }
	number := func(low, high int) int { return rapid.IntRange(low, high).Draw(t, "number") }
	mode := rapid.SampledFrom([]Maintenance{MaintenanceGlobal, MaintenanceNone})
	code := rapid.StringMatching(`[a-z][a-z0-9-]{0,10}[a-z]`)
	seen := func() Condition {
		switch number(0, 2) {
		case 0:
			return LaneBlocked{Host: host.Draw(t, "host"), Lane: one(LaneNames())}
		case 1:
			return Warns{Host: host.Draw(t, "host"), Code: code.Draw(t, "code")}
		}
		return State{Host: host.Draw(t, "host"), State: one(AgentStates())}
	}
	expected := func() Condition {
		switch number(0, 7) {
		case 0:
			return Clear{Host: host.Draw(t, "host"), Code: code.Draw(t, "code")}
		case 1:
			return Fresh{Host: host.Draw(t, "host")}
		case 2:
			return Lease{Host: host.Draw(t, "host"), State: one(LeaseStates())}
		case 3:
			return Updates{Host: host.Draw(t, "host"), Count: number(1, maxUpdates)}
		case 4:
			return DiskMaintenance{Maintenance: mode.Draw(t, "mode")}
		case 5:
			return ViewMaintenance{Host: host.Draw(t, "host"), Maintenance: mode.Draw(t, "mode")}
		case 6:
			return Warns{Host: host.Draw(t, "host"), Code: code.Draw(t, "code"), Late: span(shortest, maxWait)}
		}
		return seen()
	}
	switch number(0, 15) {
	case 0:
		return &Cluster{
			Hosts: number(1, maxHosts), Storage: Storage(one(storages())), IOTimeout: time.Duration(number(1, 30)) * time.Second,
			TimeFactor: float64(number(5, 1000)) / 100, VDSM: number(0, 1) == 1, SMTP: number(0, 1) == 1, OVF: number(0, 1) == 1,
			Sector: rapid.SampledFrom([]int{512, 4096}).Draw(t, "sector"),
		}
	case 1:
		return &EngineUp{On: or(AnyHost).Draw(t, "host"), Within: span(shortest, maxWait)}
	case 2:
		return &AlwaysEngines{Max: number(0, maxHosts)}
	case 3:
		return &AlwaysRPC{Host: or(AllHosts).Draw(t, "host"), P99: span(time.Microsecond, maxWait), Max: span(time.Microsecond, maxWait)}
	case 4:
		return &AlwaysAgent{Host: or(AllHosts).Draw(t, "host"), Gap: span(time.Microsecond, maxWait)}
	case 5:
		return &AlwaysGrowth{
			Resource: Resource(one([]string{string(Threads), string(Descriptors)})), Host: or(AllHosts).Draw(t, "host"),
			Max: number(0, maxGrowth),
		}
	case 6:
		return &NeverStart{On: or(AllHosts).Draw(t, "host")}
	case 7:
		return &Inject{Fault: anyFault(t, host)}
	case 8:
		return &Heal{}
	case 9:
		fault := anyFault(t, host)
		return &Heal{Fault: &fault}
	case 10:
		return &Wait{For: span(shortest, maxWait)}
	case 11:
		return &Set{Maintenance: mode.Draw(t, "mode"), Via: host.Draw(t, "host")}
	case 12:
		return &Saw{Condition: seen()}
	case 13:
		return anyAction(t, host)
	case 14:
		return anyObserved(t, host)
	}
	return &Expect{Condition: expected(), Within: span(shortest, maxWait)}
}

func anyFault(t *rapid.T, host *rapid.Generator[string]) Fault {
	f := Fault{Segment: NoSegment, Kind: rapid.SampledFrom(FaultKinds()).Draw(t, "kind")}
	if f.Kind.Media() {
		f.Op = rapid.SampledFrom(append(MediaOps(), "")).Draw(t, "op")
		f.File = rapid.SampledFrom(append(MediaFiles(), "")).Draw(t, "file")
		f.Segment = rapid.IntRange(NoSegment, maxSegment).Draw(t, "segment")
	}
	switch f.Kind {
	case SlowMedia:
		f.By = time.Duration(rapid.Int64Range(int64(shortest), int64(maxDelay)).Draw(t, "by"))
	case FailMedia:
		f.Error = rapid.SampledFrom(MediaErrors()).Draw(t, "error")
		f.First = rapid.IntRange(0, maxFirst).Draw(t, "first")
		f.Probability = float64(rapid.IntRange(0, 999).Draw(t, "p")) / 1000
	}
	if f.Kind == DropPath || f.Kind == MountDead || f.Kind.Program() != "" || f.Kind.Media() && rapid.Bool().Draw(t, "one host") {
		f.Host = host.Draw(t, "host")
	}
	return f
}
