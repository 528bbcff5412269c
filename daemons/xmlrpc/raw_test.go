package xmlrpc

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// serveAll serves these methods.
func serveAll(t *testing.T, opt Options, methods map[string]Handler) (socket string) {
	t.Helper()
	s := NewServer(opt)
	for name, h := range methods {
		s.Handle(name, h)
	}
	return serve(t, s)
}

// encoded returns v as a piece to be kept.
func encoded(t testing.TB, v any) *Piece {
	t.Helper()
	plain, err := Encode(v)
	require.NoError(t, err)
	return NewPiece(plain)
}

func TestPiecesAreTheSameDocument(t *testing.T) {
	data := []byte(strings.Repeat("x", 4096))
	plain := Struct{{"a", 1}, {"data", data}, {"list", []any{data, "end", nil}}}
	want, err := MarshalResponse(plain)
	require.NoError(t, err)
	kept := Raw{encoded(t, data)}
	raw := Struct{{"a", 1}, {"data", kept}, {"list", []any{kept, "end", nil}}}
	whole, err := MarshalResponse(raw)
	require.NoError(t, err)
	require.Equal(t, string(want), string(whole), "copied in")
	pieces, err := Pieces(raw)
	require.NoError(t, err)
	require.Len(t, pieces, 5)
	var got, packed bytes.Buffer
	got.WriteString(replyHead)
	for _, p := range pieces {
		got.Write(p.plain)
		packed.Write(p.pack())
	}
	got.WriteString(replyTail)
	require.Equal(t, string(want), got.String(), "in pieces")
	z, err := gzip.NewReader(&packed)
	require.NoError(t, err)
	unpacked, err := io.ReadAll(z)
	require.NoError(t, err)
	require.Equal(t, string(want), replyHead+string(unpacked)+replyTail, "packed in pieces")
	require.Less(t, len(pieces[1].pack()), 200, "kept pieces are compressed")
	require.Same(t, &pieces[1].pack()[0], &pieces[3].pack()[0], "and only once")
	_, err = Pieces(Struct{{"bad", make(chan int)}})
	require.Error(t, err)
}

func TestWrappingIsGzip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		plain := bytes.Repeat(rapid.SliceOfN(rapid.Byte(), 0, 50).Draw(t, "plain"), rapid.IntRange(0, 6000).Draw(t, "times"))
		z, err := gzip.NewReader(bytes.NewReader(wrap(plain)))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(z)
		if err != nil || !bytes.Equal(got, plain) {
			t.Fatalf("%d bytes became %d: %v", len(plain), len(got), err)
		}
	})
}

func TestLargeRepliesInPiecesArriveWhole(t *testing.T) {
	big := NewPiece([]byte("<value><string>" + strings.Repeat("y", 3*sendBuffer) + "</string></value>\n"))
	small := encoded(t, strings.Repeat("z", 1000))
	var list []any
	for range 300 {
		list = append(list, Raw{small})
	}
	list = append(list, Raw{big})
	socket := serveAll(t, Options{}, map[string]Handler{
		"list":  func(context.Context, []any) (any, error) { return list, nil },
		"alone": func(context.Context, []any) (any, error) { return Raw{small}, nil },
	})
	got, err := NewClient(socket, patience).Call(t.Context(), "list")
	require.NoError(t, err)
	items := got.([]any)
	require.Len(t, items, 301)
	require.Equal(t, strings.Repeat("z", 1000), items[299])
	require.Equal(t, strings.Repeat("y", 3*sendBuffer), items[300])
	got, err = NewClient(socket, patience).Call(t.Context(), "alone")
	require.NoError(t, err)
	require.Equal(t, strings.Repeat("z", 1000), got)
}

// A method that waits longer than a request may take to arrive: its context goes on, and ends when the client goes away.
func TestAMethodMayWaitLongerThanARequestMayTake(t *testing.T) {
	gone := make(chan error, 1)
	calls := make(chan bool, 8)
	socket := serveAll(t, Options{
		ReadTimeout: 100 * time.Millisecond,
		OnCall:      func(_ string, took time.Duration, failed bool) { calls <- failed || took < 500*time.Millisecond },
	}, map[string]Handler{
		"waits": func(ctx context.Context, _ []any) (any, error) {
			select {
			case <-ctx.Done():
				return nil, context.Cause(ctx)
			case <-time.After(500 * time.Millisecond):
				return "waited", nil
			}
		},
		"waits_long": func(ctx context.Context, _ []any) (any, error) {
			select {
			case <-ctx.Done():
			case <-time.After(patience):
			}
			gone <- ctx.Err()
			return nil, nil
		},
	})
	got, err := NewClient(socket, 50*time.Millisecond).CallWithin(t.Context(), patience, "waits")
	require.NoError(t, err)
	require.Equal(t, "waited", got)
	require.False(t, <-calls, "a call that did not fail, and its time")
	_, err = NewClient(socket, 200*time.Millisecond).Call(t.Context(), "waits_long")
	require.Error(t, err)
	require.ErrorIs(t, <-gone, context.Canceled)
}
