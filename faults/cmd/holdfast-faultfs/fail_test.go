package main

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-ha/holdfast/faults/faultfs"
	"github.com/holdfast-ha/holdfast/faults/lifecycle"
	"github.com/holdfast-ha/holdfast/faults/media"
)

func TestRequestsFailWithTheErrorThatWasAskedFor(t *testing.T) {
	l := newLab(t)
	for _, name := range faultfs.Errors() {
		id := l.add(faultfs.Rule{Kind: faultfs.Fail, Error: name, Ops: []faultfs.Op{faultfs.OpWrite, faultfs.OpFsync, faultfs.OpTruncate}, File: "w.img"})
		for _, op := range []string{"write", "fsync", "truncate"} {
			require.Equal(t, name, l.victim(op, "w.img", 4096).done().Errno, op)
		}
		require.Equal(t, result{Data: 'w'}, l.victim("read", "w.img", 4096).done().untimed(), "reads flow, and nothing was written")
		require.Empty(t, l.victim("write", "other.img", 0).done().Errno, "another file")
		require.EqualValues(t, 3, l.clear(id).FailedTotal)
	}
	require.Empty(t, l.victim("write", "w.img", 4096).done().Errno)
	info, err := os.Stat(filepath.Join(l.backing, "w.img"))
	require.NoError(t, err)
	require.EqualValues(t, 8*4096, info.Size(), "the truncation was refused, not done")
}

func TestReadsFailOnceInOneSegment(t *testing.T) {
	l := newLab(t)
	l.add(faultfs.Rule{Kind: faultfs.Fail, Error: "EIO", Ops: []faultfs.Op{faultfs.OpRead}, File: "w.img", OffsetFrom: 4096, OffsetTo: 8192, First: 1})
	require.Empty(t, l.victim("read", "w.img", 0).done().Errno)
	require.Equal(t, "EIO", l.victim("read", "w.img", 4096).done().Errno)
	require.Empty(t, l.victim("read", "w.img", 4096).done().Errno, "the first only")
}

func TestErrorOfTheMediumGoesThroughItsLife(t *testing.T) {
	l := newLab(t)
	segment := 1
	f, err := media.New(media.Options{FileSystem: l.client, Error: "ENOSPC", File: "w.img", Segment: &segment, AwaitOthers: true})
	require.NoError(t, err)
	g := lifecycle.Guard(f)
	require.NoError(t, g.Setup(t.Context()))
	require.NoError(t, g.Inject(t.Context()))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	proven := make(chan error, 1)
	go func() { proven <- g.Prove(ctx) }()
	time.Sleep(100 * time.Millisecond)
	require.Empty(t, proven, "nobody else has met it yet")
	require.Equal(t, "ENOSPC", l.victim("write", "w.img", 4096).done().Errno)
	require.NoError(t, <-proven)
	require.NoError(t, g.Heal(t.Context()))
	require.NoError(t, g.ProveGone(t.Context()))
	gone, _ := g.Last(lifecycle.ProveGone)
	require.Contains(t, gone.Proof, "failed with ENOSPC: 1 of the 1")
	require.Empty(t, l.victim("write", "w.img", 4096).done().Errno)
}
