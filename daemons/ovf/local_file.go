package ovf

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/holdfast-ha/holdfast/daemons/localfile"
)

// localMode is the permission of files that are made anew: hosted-engine's tools run as root, VDSM's group reads.
const localMode = 0o640

// maxLocal bounds what is read of a local file, in bytes.
const maxLocal = 16 << 20

// replaceFile puts a file with this content in the place of path: readers see the old one or the new one. Mode and, where the daemon may
// set it, owner stay those of the old one. The caller holds the lock that serialises writers of path.
func replaceFile(path string, content []byte) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("replace %s: %w (check free space and permissions of its directory)", path, err)
		}
	}()
	fresh := path + ".new"
	if err := os.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) { // left behind by a crash
		return err
	}
	file, err := os.OpenFile(fresh, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(fresh)
		}
	}()
	mode := fs.FileMode(localMode)
	if old, err := os.Stat(path); err == nil {
		mode = old.Mode().Perm()
		adoptOwner(file, old)
	}
	_, err = file.Write(content)
	for _, step := range []func() error{func() error { return file.Chmod(mode) }, file.Sync, file.Close} {
		err = errors.Join(err, step())
	}
	if err != nil {
		return err
	}
	if err := os.Rename(fresh, path); err != nil {
		return err
	}
	directory, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer directory.Close()
	return directory.Sync()
}

// readFile reads a local file; nil without an error if there is none.
func readFile(path string) ([]byte, error) {
	content, err := localfile.Read(path, maxLocal)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return content, err
}
