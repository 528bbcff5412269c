package localfile

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestRead(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(path, []byte("four"), 0o600))
	content, err := Read(path, 4)
	require.NoError(t, err)
	require.Equal(t, "four", string(content))
	_, err = Read(path, 3)
	require.ErrorContains(t, err, "larger than 3 bytes")

	_, err = Read(path+".not", 4)
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = Read(dir, 4)
	require.ErrorContains(t, err, "not a regular file")
	_, err = Read("/dev/zero", 4)
	require.ErrorContains(t, err, "not a regular file")
	pipe := filepath.Join(dir, "pipe")
	require.NoError(t, unix.Mkfifo(pipe, 0o600))
	_, err = Read(pipe, 4)
	require.ErrorContains(t, err, "not a regular file", "and nobody waits for its writer")

	require.NoError(t, os.WriteFile(path, nil, 0o600))
	content, err = Read(path, 4)
	require.NoError(t, err)
	require.NotNil(t, content, "empty is not absent")
}
