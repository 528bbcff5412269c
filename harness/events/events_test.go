package events

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// one of each kind, as a run writes them.
func samples() []Event {
	return []Event{
		{T: 0, Note: &Note{Text: "a \"quoted\" <b>\nline"}},
		{T: 1, Step: &Step{Number: 2, Line: 5, Text: "freeze nfs", State: StepBegin}},
		{T: 1.5, Fault: &Fault{Step: 2, Line: 5, Kind: "freeze nfs", Text: "freeze nfs", Target: "server", Phase: FaultProven, Detail: "no answer"}},
		{T: 2, Host: "host1", Agent: &Agent{State: "EngineDown", Score: 3400, DelayS: 1, ViewAgeS: -1, PutMS: 0.4}},
		{T: 3, Host: "host1", Lane: &Lane{Name: "ha-writer", TID: 7, Busy: true, Op: "write", Segment: 1, BlockedS: 2, ProcState: "D"}},
		{T: 4, Host: "host1", RPC: &RPC{Method: "get_stats", SpanS: 1, N: 20, P50MS: 0.2, P99MS: 1, MaxMS: 2}},
		{T: 5, Host: "host1", Lease: &Lease{State: "held"}},
		{T: 6, Host: "host1", Engine: &Engine{Event: EngineUp, PID: 9}},
		{T: 7, Host: "host1", Health: &Health{Code: "storage-stalled", Raised: true}},
		{T: 8, Claim: &Claim{Line: 9, Text: "always engines <= 1", OK: true}},
	}
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.jsonl")
	w, err := Create(path)
	require.NoError(t, err)
	want := samples()
	for i := range want {
		require.NoError(t, w.Append(want[i]))
		want[i].Kind = want[i].kind()

		log, err := ReadFile(path) // each event is on file before Append returns
		require.NoError(t, err)
		require.Equal(t, want[:i+1], log.Events)
		require.Zero(t, log.Skipped, log.FirstSkipped)
	}
	require.NoError(t, w.Close())
	require.NoError(t, w.Close())
	require.ErrorIs(t, w.Append(want[0]), ErrClosed)
}

func TestEventsOfManyWritersStayWhole(t *testing.T) {
	var b bytes.Buffer
	w := NewWriter(&b, 0)
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			for i := range 100 {
				if err := w.Append(Event{T: float64(i), Host: fmt.Sprint(g), Note: &Note{Text: strings.Repeat("x", i)}}); err != nil {
					t.Errorf("append: %v", err)
				}
			}
		})
	}
	all.Wait()
	log, err := Read(&b)
	require.NoError(t, err)
	require.Len(t, log.Events, 800)
	require.Zero(t, log.Skipped)
	for i := 1; i < len(log.Events); i++ {
		require.LessOrEqual(t, log.Events[i-1].T, log.Events[i].T)
	}
}

func TestAFullLogSaysHowMuchIsMissing(t *testing.T) {
	var b bytes.Buffer
	w := NewWriter(&b, 2000)
	for i := range 100 {
		require.NoError(t, w.Append(Event{T: float64(i), Note: &Note{Text: "0123456789"}}))
	}
	require.Positive(t, w.Dropped())
	require.NoError(t, w.Close())
	require.LessOrEqual(t, b.Len(), 2000)
	log, err := Read(&b)
	require.NoError(t, err)
	require.Equal(t, 100, len(log.Events)-1+w.Dropped())
	last := log.Events[len(log.Events)-1]
	require.Equal(t, fmt.Sprintf("the event log was full at 2000 bytes: %d later events are missing", w.Dropped()), last.Note.Text)
}

func TestBadEventsAreRefused(t *testing.T) {
	w := NewWriter(&bytes.Buffer{}, 0)
	require.ErrorContains(t, w.Append(Event{T: 1}), "no payload")
	require.ErrorContains(t, w.Append(Event{T: 1, Kind: KindStep, Note: &Note{}}), `kind "step", but the payload is of kind "note"`)
	require.ErrorContains(t, w.Append(Event{T: math.NaN(), Note: &Note{}}), "not a number")
	require.ErrorContains(t, w.Append(Event{T: 1, Host: "h", RPC: &RPC{MaxMS: math.Inf(1)}}), "unsupported value")
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func TestAFullDiskIsAnError(t *testing.T) {
	require.ErrorContains(t, NewWriter(fullDisk{}, 0).Append(samples()[0]), "no space left on device")
}

func TestTheReaderToleratesWhatItDoesNotKnow(t *testing.T) {
	text := `{"t":2,"kind":"note","note":{"text":"second"},"later":"member"}

not json
{"t":1,"kind":"note","note":{"text":"first"}}
{"t":3,"kind":"quantum","quantum":{}}
{"t":4,"kind":"step"}
{"t":5,"kind":"step","note":{"text":"kinds differ"}}
` + `{"t":6,"kind":"note","note":{"text":"` + strings.Repeat("x", maxLine) + `"}}` + `
{"t":7,"kind":"note","note":{"text":"third"}}
{"t":8,"kind":"note","note":{"te`
	log, err := Read(strings.NewReader(text))
	require.NoError(t, err)
	require.Len(t, log.Events, 3)
	require.Equal(t, "first", log.Events[0].Note.Text)
	require.Equal(t, "third", log.Events[2].Note.Text)
	require.Equal(t, 6, log.Skipped)
	require.Contains(t, log.FirstSkipped, "line 3: ")
}

func FuzzRead(f *testing.F) {
	var b bytes.Buffer
	w := NewWriter(&b, 0)
	for _, e := range samples() {
		require.NoError(f, w.Append(e))
	}
	f.Add(b.Bytes())
	f.Add([]byte("{\"t\":1e999}\n\x00\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		log, err := Read(bytes.NewReader(data))
		require.NoError(t, err)
		for _, e := range log.Events {
			require.NoError(t, NewWriter(&bytes.Buffer{}, 0).Append(e))
		}
	})
}
