package child

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/daemons/mountinfo"
)

const (
	// maxLinks is how many symbolic links are followed, as many as the kernel follows.
	maxLinks = 40
	// storageParent is where storage domains are mounted, whatever the file system is called.
	storageParent = "/rhev"
)

// find returns the path of a program, which is absolute or looked for in the directories of path, after making sure,
// without touching anything remote, that it is local.
func find(name, path string) (string, error) {
	table, err := os.ReadFile(mountinfo.Path)
	if err != nil {
		return "", fmt.Errorf("read the table of mounts: %w", err)
	}
	mounts := mounts{mountinfo.Parse(string(table))}
	if filepath.IsAbs(name) {
		return name, mounts.checkProgram(name)
	}
	var remote error
	for _, dir := range filepath.SplitList(path) {
		if !filepath.IsAbs(dir) {
			continue
		}
		candidate := filepath.Join(dir, name)
		switch err := mounts.checkProgram(candidate); {
		case err == nil:
			return candidate, nil
		case errors.Is(err, ErrRemote):
			remote = err
		}
	}
	if remote != nil {
		return "", remote
	}
	return "", fmt.Errorf("%w in %s", ErrNotFound, path)
}

// mounts are what is mounted where.
type mounts struct{ mountinfo.Table }

// isRemote says whether what lies under this mount point may hang with the network: a network or FUSE file system, or
// one that mounts others when touched. The root does not count: everything runs from there, this process too.
func (m mounts) isRemote(point string) bool {
	there, ok := m.At(point)
	if !ok || point == "/" {
		return false
	}
	base, _, _ := strings.Cut(there.Type, ".")
	switch base {
	case "nfs", "nfs4", "cifs", "smb3", "smbfs", "ceph", "9p", "afs", "lustre", "gfs2", "ocfs2", "glusterfs", "autofs",
		"fuse", "fuseblk":
		return true
	}
	return false
}

// checkProgram follows a path as the kernel would, one component at a time, and stops before it enters a mount that is
// remote. It returns nil if an executable file is at the end.
func (m mounts) checkProgram(path string) error {
	at, left, links := "/", components(path), 0
	for len(left) > 0 {
		next := filepath.Join(at, left[0]) // also right for ".."
		left = left[1:]
		if next == storageParent || m.isRemote(next) {
			return fmt.Errorf("%s: %w", next, ErrRemote)
		}
		target, err := os.Readlink(next)
		switch {
		case err == nil:
			if links++; links > maxLinks {
				return fmt.Errorf("%s: %w", path, unix.ELOOP)
			}
			if filepath.IsAbs(target) {
				at = "/"
			}
			left = append(components(target), left...)
		case errors.Is(err, unix.EINVAL): // not a link
			at = next
		case errors.Is(err, os.ErrNotExist), errors.Is(err, unix.ENOTDIR):
			return fmt.Errorf("%s: %w", path, ErrNotFound)
		default:
			return err
		}
	}
	info, err := os.Stat(at)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() || info.Mode().Perm()&0o111 == 0 {
		return fmt.Errorf("%s: %w: not an executable file", path, ErrNotFound)
	}
	return nil
}

func components(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
}
