package stomp

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func decode(text string) (Frame, error) { return NewDecoder(strings.NewReader(text), 1<<10).Decode() }

func TestEveryFrameComesBack(t *testing.T) {
	t.Parallel()
	name := rapid.StringMatching(`[a-z:\\\n\r-]{1,12}`)
	rapid.Check(t, func(t *rapid.T) {
		sent := Frame{
			Command: rapid.StringMatching(`[A-Z]{1,12}`).Draw(t, "command"),
			Headers: rapid.MapOfN(name, rapid.String(), 0, 5).Draw(t, "headers"),
			Body:    rapid.SliceOfN(rapid.Byte(), 0, 100).Draw(t, "body"),
		}
		delete(sent.Headers, ContentLength)
		d := NewDecoder(bytes.NewReader(sent.Append([]byte("\n\r\n\n"))), 100)
		got, err := d.Decode()
		require.NoError(t, err)
		require.Equal(t, sent.Command, got.Command)
		require.Equal(t, sent.Headers, got.Headers)
		require.True(t, bytes.Equal(sent.Body, got.Body), "body: got %q, want %q", got.Body, sent.Body)
		_, err = d.Decode()
		require.ErrorIs(t, err, io.EOF)
	})
}

func TestFramesAsVDSMWritesThem(t *testing.T) {
	t.Parallel()
	d := NewDecoder(strings.NewReader("\n\nCONNECTED\nversion:1.2\nheart-beat:24000,0\n\n\x00"+
		"MESSAGE\r\ndestination:a\\cb\r\ndestination:second\r\nbare:a:b\r\n\r\n{}\x00\n"), 10)
	first, err := d.Decode()
	require.NoError(t, err)
	require.Equal(t, Connected, first.Command)
	send, want := Beats(first.Headers[HeartBeat])
	require.Equal(t, []int{24000, 0}, []int{send, want})
	second, err := d.Decode()
	require.NoError(t, err)
	require.Equal(t, Frame{Message, map[string]string{Destination: "a:b", "bare": "a:b"}, []byte("{}")}, second)
	_, err = d.Decode()
	require.ErrorIs(t, err, io.EOF)
}

func TestWhatIsNotAFrameIsRefused(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"another protocol":         "HTTP/1.1 400 Bad Request\r\n\r\n",
		"binary":                   "\x16\x03\x01\x02\x00\n",
		"endless command":          strings.Repeat("A", MaxLine+10) + "\n",
		"endless header":           "MESSAGE\na:" + strings.Repeat("x", MaxLine+10) + "\n\n\x00",
		"too many headers":         "MESSAGE\n" + strings.Repeat("a:b\n", MaxHeaders+1) + "\n\x00",
		"header without colon":     "MESSAGE\nabc\n\n\x00",
		"unknown escape":           "MESSAGE\na:\\t\n\n\x00",
		"escape at the end":        "MESSAGE\na:\\\n\n\x00",
		"negative length":          "MESSAGE\ncontent-length:-1\n\n\x00",
		"length that is no number": "MESSAGE\ncontent-length:ten\n\n\x00",
		"length over the limit":    "MESSAGE\ncontent-length:1025\n\n\x00",
		"enormous length":          "MESSAGE\ncontent-length:99999999999999999999\n\n\x00",
		"wrong length":             "MESSAGE\ncontent-length:2\n\nabc\x00",
		"body over the limit":      "MESSAGE\n\n" + strings.Repeat("x", 1025) + "\x00",
		"endless body":             "MESSAGE\n\n" + strings.Repeat("x", 1<<20),
	} {
		_, err := decode(text)
		require.ErrorIs(t, err, ErrFrame, name)
	}
}

func TestAnEndWithinAFrameIsTold(t *testing.T) {
	t.Parallel()
	whole := Frame{Message, map[string]string{"a": "b"}, []byte("body")}.Append(nil)
	for n := 1; n < len(whole); n++ {
		_, err := decode(string(whole[:n]))
		require.ErrorIs(t, err, io.ErrUnexpectedEOF, "%q", whole[:n])
	}
}

func TestMemoryIsTakenAsBytesCome(t *testing.T) {
	head := "MESSAGE\ncontent-length:1000000000\n\n"
	allocated := testing.AllocsPerRun(1, func() {
		_, err := NewDecoder(strings.NewReader(head+"few"), 2_000_000_000).Decode()
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	})
	require.Less(t, allocated, 200.0)
	bytes := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for range b.N {
			_, _ = NewDecoder(strings.NewReader(head+"few"), 2_000_000_000).Decode()
		}
	}).AllocedBytesPerOp()
	require.Less(t, bytes, int64(1<<20), "a promise of 1 GB must not cost it")
}

func FuzzDecoder(f *testing.F) {
	f.Add([]byte("CONNECTED\nversion:1.2\nheart-beat:24000,0\n\n\x00"))
	f.Add(Frame{Message, map[string]string{Destination: "a:b"}, []byte(`{"jsonrpc": "2.0"}`)}.Append(nil))
	f.Add([]byte("\n\r\n\nERROR\n\nwhat\x00\nMESSAGE\ncontent-length:3\n\na\x00b\x00"))
	f.Add([]byte("MESSAGE\ncontent-length:9999\n\n"))
	f.Add([]byte("A\n\\c\\\\:\\r\\n\n\n\x00"))
	f.Fuzz(func(t *testing.T, text []byte) {
		const limit = 1 << 10
		d := NewDecoder(bytes.NewReader(text), limit)
		for {
			frame, err := d.Decode()
			if err != nil {
				if !errors.Is(err, ErrFrame) && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
					t.Fatalf("an error of another kind: %v", err)
				}
				return
			}
			if len(frame.Body) > limit || len(frame.Headers) > MaxHeaders {
				t.Fatalf("over the limits: %d bytes, %d headers", len(frame.Body), len(frame.Headers))
			}
			again, err := NewDecoder(bytes.NewReader(frame.Append(nil)), limit).Decode()
			if err != nil || again.Command != frame.Command || !bytes.Equal(again.Body, frame.Body) {
				t.Fatalf("%+v comes back as %+v, %v", frame, again, err)
			}
		}
	})
}
