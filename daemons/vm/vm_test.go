package vm

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNoneNeverRunsAnything(t *testing.T) {
	t.Parallel()
	d := None()
	require.ErrorIs(t, d.Start(t.Context()), ErrNoDriver)
	require.NoError(t, d.Stop(t.Context(), true))
	status, err := d.Status(t.Context())
	require.NoError(t, err)
	require.False(t, status.Exists)
}
