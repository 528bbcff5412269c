package deadmount

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/holdfast-ha/holdfast/faults/lifecycle"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var _ lifecycle.Fault = (*Fault)(nil)

// fake is a host.
type fake struct {
	mounted bool
	answers bool // the mount does, though it is there
	refuses bool
	err     error
	stops   int
}

func (h *fake) Start(_ context.Context, dir string) error {
	h.mounted = h.err == nil && dir == Dir
	return h.err
}

func (h *fake) Stop(context.Context) error { h.mounted = false; h.stops++; return nil }

func (h *fake) Mounted(context.Context, string) (bool, error) { return h.mounted, h.err }

func (h *fake) Touch(ctx context.Context, _ string) error {
	switch {
	case h.refuses:
		return errors.New("permission denied")
	case h.mounted && !h.answers:
		<-ctx.Done()
		return ErrSilent
	}
	return nil
}

func fault(t *testing.T, h *fake) *Fault {
	t.Helper()
	f, err := New(Options{Host: "host2", Machine: h})
	require.NoError(t, err)
	return f
}

func TestWholeLife(t *testing.T) {
	g := lifecycle.Guard(fault(t, &fake{}))
	require.Equal(t, "mount dead for=host2", g.String())
	require.NoError(t, g.Setup(t.Context()))
	require.NoError(t, g.Inject(t.Context()))
	require.NoError(t, g.Prove(t.Context()))
	require.NoError(t, g.Heal(t.Context()))
	require.NoError(t, g.Heal(t.Context()), "healing is idempotent")
	require.NoError(t, g.ProveGone(t.Context()))
	require.NoError(t, g.Cleanup(t.Context()))
	proof, _ := g.Last(lifecycle.Prove)
	require.Contains(t, proof.Proof, "an own touch had no answer for 500ms")
}

func TestWhatIsNoProof(t *testing.T) {
	_, err := fault(t, &fake{}).Prove(t.Context())
	require.ErrorContains(t, err, "nothing is mounted")
	_, err = fault(t, &fake{mounted: true, answers: true}).Prove(t.Context())
	require.ErrorContains(t, err, "answered an own touch")
	_, err = fault(t, &fake{mounted: true, refuses: true}).Prove(t.Context())
	require.ErrorContains(t, err, "not by silence")
}

func TestMountThatIsThereAlreadyIsRefusedAtSetup(t *testing.T) {
	require.ErrorContains(t, fault(t, &fake{mounted: true}).Setup(t.Context()), "already")
}

func TestFaultThatEndedByItselfIsNotProvenGone(t *testing.T) {
	h := &fake{}
	f := fault(t, h)
	require.NoError(t, f.Inject(t.Context()))
	_, err := f.Prove(t.Context())
	require.NoError(t, err)
	h.mounted = false
	require.NoError(t, f.Heal(t.Context()))
	require.Equal(t, 1, h.stops, "its program may be there still")
	_, err = f.ProveGone(t.Context())
	require.ErrorContains(t, err, "gone before it was healed")
}

func TestNotGone(t *testing.T) {
	_, err := fault(t, &fake{mounted: true}).ProveGone(t.Context())
	require.ErrorContains(t, err, "still mounted")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	f := fault(t, &fake{err: errors.New("no such container")})
	require.ErrorContains(t, f.Inject(ctx), "no such container")
	require.ErrorContains(t, f.Heal(ctx), "no such container")
}

func TestOptions(t *testing.T) {
	_, err := New(Options{Machine: &fake{}})
	require.ErrorContains(t, err, "say for=")
	_, err = New(Options{Host: "host1"})
	require.ErrorContains(t, err, "no machine")
}

func TestInMountinfo(t *testing.T) {
	const text = "44 27 0:39 / /rhev/data-center/mnt/dead.example:_export_data rw,nosuid - fuse dead rw\n" +
		"45 27 0:40 / /mnt/with\\040blank rw - tmpfs x rw\nnonsense\n"
	require.True(t, InMountinfo(text, Dir))
	require.True(t, InMountinfo(text, "/mnt/with blank"))
	require.False(t, InMountinfo(text, "/rhev/data-center/mnt"))
	require.False(t, InMountinfo("", Dir))
}
