package storage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/daemons/child"
	"github.com/holdfast-ha/holdfast/daemons/config"
	"github.com/holdfast-ha/holdfast/daemons/mountinfo"
)

// FakeHost is a machine in a directory: its files are real ones below root, its mounts are a list, and its programs are functions.
// Whoever touches a mount in the lane's own thread, or a foreign mount at all, fails the test.
type FakeHost struct {
	t    *testing.T
	root string

	mu       sync.Mutex
	mounts   mountinfo.Table                                                       // guarded by mu
	shared   []string                                                              // guarded by mu; what the domain's own mount points are: programs may touch these
	ran      [][]string                                                            // guarded by mu
	notes    []string                                                              // guarded by mu
	programs map[string]func(ctx context.Context, spec child.Spec) (string, error) // guarded by mu
	signals  []string                                                              // guarded by mu
}

func newFakeHost(t *testing.T) *FakeHost {
	t.Helper()
	h := &FakeHost{t: t, root: t.TempDir()}
	h.programs = map[string]func(context.Context, child.Spec) (string, error){
		"mount": h.mount, "umount": h.umount,
		"dd": h.real, "stat": h.real, "readlink": h.real, "mkdir": h.real, "ln": h.real, "mv": h.real,
	}
	return h
}

func (h *FakeHost) deps() Deps { return Deps{Run: h.run, Files: h, Note: h.note} }

func (h *FakeHost) note(text string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.notes = append(h.notes, text)
}

func (h *FakeHost) noted() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.Join(h.notes, "\n")
}

// commands are those that ran, one text each, since the last call.
func (h *FakeHost) commands() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []string
	for _, argv := range h.ran {
		all = append(all, strings.Join(argv, " "))
	}
	h.ran = nil
	return all
}

// touches fails the test for a path on a mount, except that programs may touch those that are the driver's own.
func (h *FakeHost) touches(what, p string, isProgram bool) {
	h.t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, m := range h.mounts {
		if p != m.Point && !strings.HasPrefix(p, m.Point+"/") || isProgram && slices.Contains(h.shared, m.Point) {
			continue
		}
		h.t.Errorf("%s touches %s, and %s is mounted on %s: with a dead server that hangs", what, p, m.Source, m.Point)
	}
}

// file maps a path of the fake machine to the real one.
func (h *FakeHost) file(what, p string) string {
	h.t.Helper()
	h.touches(what, p, false)
	return h.root + p
}

// links maps what the kernel follows: on the fake machine a link's target lies below root.
func (h *FakeHost) resolve(p string) string {
	done := "/"
	for part := range strings.SplitSeq(strings.Trim(p, "/"), "/") {
		next := path.Join(done, part)
		if target, err := os.Readlink(h.root + next); err == nil {
			if !path.IsAbs(target) {
				target = path.Join(done, target)
			}
			next = target
		}
		done = next
	}
	return done
}

func (h *FakeHost) Mounts() ([]byte, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var b strings.Builder
	b.WriteString("22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\nbroken line\n")
	for i, m := range h.mounts {
		fmt.Fprintf(&b, "%d 22 0:%d %s %s rw,relatime - %s %s rw\n", 30+i, 40+i, m.Root, strings.ReplaceAll(m.Point, " ", `\040`), m.Type, m.Source)
	}
	return []byte(b.String()), nil
}

func (h *FakeHost) ReadFile(p string) ([]byte, error) { return os.ReadFile(h.file("read", p)) }

func (h *FakeHost) WriteFile(p, scratch string, data []byte, mode fs.FileMode) error {
	return machine{}.WriteFile(h.file("write", p), h.file("write", scratch), data, mode)
}

func (h *FakeHost) ReadDir(p string) ([]string, error) {
	if p == "/rhev/data-center/mnt" || p == "/rhev/data-center/mnt/glusterSD" || p == "/rhev/data-center" {
		h.t.Errorf("the mounts in %s are listed", p)
	}
	return machine{}.ReadDir(h.file("list", p))
}

func (h *FakeHost) MkdirAll(p string, mode fs.FileMode) error {
	return os.MkdirAll(h.file("mkdir", p), mode)
}
func (h *FakeHost) Lstat(p string) (fs.FileInfo, error) { return os.Lstat(h.file("lstat", p)) }
func (h *FakeHost) Readlink(p string) (string, error)   { return os.Readlink(h.file("readlink", p)) }

func (h *FakeHost) Symlink(target, p string) error { return os.Symlink(target, h.file("symlink", p)) }

func (h *FakeHost) Rename(from, to string) error {
	return os.Rename(h.file("rename", from), h.file("rename", to))
}
func (h *FakeHost) Remove(p string) error { return os.Remove(h.file("remove", p)) }

func (h *FakeHost) Signal(pid int, _ uint64, signal unix.Signal) error {
	h.mu.Lock()
	h.signals = append(h.signals, fmt.Sprintf("%s %d", unix.SignalName(signal), pid))
	h.mu.Unlock()
	return os.RemoveAll(h.root + fmt.Sprintf("/proc/%d", pid))
}

func (h *FakeHost) run(ctx context.Context, spec child.Spec) (child.Output, error) {
	h.mu.Lock()
	h.ran = append(h.ran, spec.Argv)
	program := h.programs[path.Base(spec.Argv[0])]
	h.mu.Unlock()
	if program == nil {
		return child.Output{Code: -1}, fmt.Errorf("%s: %w", spec.Argv[0], child.ErrNotFound)
	}
	if spec.Deadline <= 0 || spec.Ward == nil {
		h.t.Errorf("%s runs without a deadline or a ward", spec.Argv[0])
	}
	out, err := program(ctx, spec)
	return child.Output{Stdout: out, Code: exitCode(err)}, err
}

// real runs the program for real, below root. Arguments that are paths are those of the fake machine; a link's target stays as it is.
func (h *FakeHost) real(ctx context.Context, spec child.Spec) (string, error) {
	spec.Argv = slices.Clone(spec.Argv)
	isLink := spec.Argv[0] == "ln"
	for i, arg := range spec.Argv {
		option, p := "", arg
		if file, ok := strings.CutPrefix(arg, "if="); ok {
			option, p = "if=", file
		}
		if !strings.HasPrefix(p, "/") || isLink && i == len(spec.Argv)-2 {
			continue
		}
		at := path.Join(h.resolve(path.Dir(p)), path.Base(p))
		h.touches(spec.Argv[0], at, true)
		spec.Argv[i] = option + h.root + at
	}
	out, err := child.Run(ctx, spec)
	return out.Stdout, err
}

func (h *FakeHost) mount(_ context.Context, spec child.Spec) (string, error) {
	argv := spec.Argv
	point, source, fstype := argv[len(argv)-1], argv[len(argv)-2], argv[2]
	if _, err := os.Stat(h.root + point); err != nil {
		return "", &child.ExitError{Program: "mount", Code: 32, State: "exit status 32", Stderr: "mount point does not exist"}
	}
	switch fstype {
	case "nfs":
		fstype = "nfs4"
	case "glusterfs":
		fstype = "fuse.glusterfs"
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.mounts = append(h.mounts, mounted(point, fstype, source))
	h.shared = append(h.shared, point)
	return "", nil
}

func (h *FakeHost) umount(_ context.Context, spec child.Spec) (string, error) {
	point := spec.Argv[len(spec.Argv)-1]
	h.mu.Lock()
	defer h.mu.Unlock()
	for i, m := range slices.Backward(h.mounts) {
		if m.Point == point {
			h.mounts = slices.Delete(h.mounts, i, i+1)
			// What was below belongs to the server.
			return "", os.Rename(h.root+point, fmt.Sprintf("%s.detached%d", h.root+point, time.Now().UnixNano()))
		}
	}
	return "", &child.ExitError{Program: "umount", Code: 32, State: "exit status 32", Stderr: "not mounted"}
}

const (
	testDomain = "0b6b4d4e-3b0e-4d5b-9d4c-1c9d5a6f7e80"
	metaImage  = "11111111-aaaa-4bbb-8ccc-000000000001"
	metaVolume = "22222222-aaaa-4bbb-8ccc-000000000001"
	lockImage  = "11111111-aaaa-4bbb-8ccc-000000000002"
	lockVolume = "22222222-aaaa-4bbb-8ccc-000000000002"
	confImage  = "11111111-aaaa-4bbb-8ccc-000000000003"
	confVolume = "22222222-aaaa-4bbb-8ccc-000000000003"
	mnt        = "/rhev/data-center/mnt"
	runLinks   = "/run/vdsm/storage"
)

func testSettings(driver, connection string) Settings {
	return Settings{
		Storage: config.Storage{
			Driver: driver, Connection: connection, MountParent: mnt, RunLinks: runLinks, Prepare: "auto",
			ConnectionUUID: "e29cf818-5ee5-46e1-85c1-8aeefa33e95d", SPUUID: "00000000-0000-0000-0000-000000000000",
			Metadata: config.VolumeID{Image: metaImage, Volume: metaVolume}, Lockspace: config.VolumeID{Image: lockImage, Volume: lockVolume},
			Configuration: config.VolumeID{Image: confImage, Volume: confVolume}, UserspaceDir: "/run/holdfast/attached",
		},
		SDUUID: testDomain, MountTimeout: 20 * time.Second, SubprocessTimeout: 20 * time.Second,
	}
}

// serve puts a domain on what will be mounted at point.
func (h *FakeHost) serve(point string) {
	h.t.Helper()
	writeDomain(h.t, h.root+point, "512")
}

// writeDomain writes a file domain into a directory.
func writeDomain(t *testing.T, dir, sector string) {
	t.Helper()
	domain := filepath.Join(dir, testDomain)
	require.NoError(t, os.MkdirAll(filepath.Join(domain, "dom_md"), 0o755))
	text := "ALIGNMENT=1048576\nBLOCK_SIZE=" + sector + "\nCLASS=Data\nSDUUID=" + testDomain + "\nVERSION=5\n"
	require.NoError(t, os.WriteFile(filepath.Join(domain, "dom_md", "metadata"), []byte(text), 0o600))
	for _, v := range []config.VolumeID{{Image: metaImage, Volume: metaVolume}, {Image: lockImage, Volume: lockVolume}, {Image: confImage, Volume: confVolume}} {
		image := filepath.Join(domain, "images", v.Image)
		require.NoError(t, os.MkdirAll(image, 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(image, v.Volume), make([]byte, 8192), 0o600))
	}
}

func newDriver(t *testing.T, s Settings, deps Deps) Driver {
	t.Helper()
	d, err := New(s, deps)
	require.NoError(t, err)
	return d
}

func kindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return 0
}

func mounted(point, fstype, source string) mountinfo.Mount {
	return mountinfo.Mount{Root: "/", Point: point, Type: fstype, Source: source}
}
