package storage

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/holdfast-ha/holdfast/daemons/config"
	"github.com/holdfast-ha/holdfast/daemons/mountinfo"
)

// fileDriver mounts a file domain with mount(8): nfs, glusterfs, posix.
type fileDriver struct {
	*host
	source  string // in its one spelling
	point   string // where it belongs
	fstype  string
	options string
}

func newFile(h *host) (Driver, error) {
	source, err := h.mountSource()
	if err != nil {
		return nil, err
	}
	d := &fileDriver{host: h, source: source, point: h.mountPoint(source)}
	d.fstype, d.options, err = h.mountType()
	if err != nil {
		return nil, err
	}
	return d, nil
}

// Describe names what is mounted.
func (d *fileDriver) Describe() string { return d.Driver + " " + d.source }

// Connect mounts the domain's file system, unless it is mounted, and makes the links to the volumes.
func (d *fileDriver) Connect(ctx context.Context) (Volumes, error) {
	ctx, cancel := d.bounded(ctx)
	defer cancel()
	return d.connect(ctx)
}

func (d *fileDriver) connect(ctx context.Context) (Volumes, error) {
	if err := d.mount(ctx); err != nil {
		return Volumes{}, err
	}
	v := d.fileVolumes(d.point)
	sector, err := d.domainSector(ctx, v.Domain)
	if err != nil {
		return Volumes{}, err
	}
	v.Sector = sector
	if v, err = d.prepared(ctx, v, filePreparer{d.host, v.DomainDir}); err != nil {
		return Volumes{}, err
	}
	if err := d.volumesExist(ctx, v); err != nil {
		return Volumes{}, err
	}
	d.compatibilityLinks(ctx, v, sharedLinks{d.host})
	return v, nil
}

// Reconnect mounts anew where the server no longer knows what is mounted; sanlock and the engine keep what they have open. With any other
// failure of the storage the kernel's client gets over it by itself, and only the links are made again.
func (d *fileDriver) Reconnect(ctx context.Context) (Volumes, error) {
	ctx, cancel := d.bounded(ctx)
	defer cancel()
	v, err := d.connect(ctx)
	if err == nil || !isStale(err) {
		return v, err
	}
	d.note(fmt.Sprintf("%s: what is mounted on %s has become useless, mounting anew: %v", d.Driver, d.point, err))
	if err := d.unmount(ctx); err != nil {
		return Volumes{}, err
	}
	return d.connect(ctx)
}

// isStale says whether a program complained of a mount that will not work again. Its words are those of the C locale.
func isStale(err error) bool {
	text := err.Error()
	return strings.Contains(text, "Stale file handle") || strings.Contains(text, "Transport endpoint is not connected")
}

// mount mounts the file system where it belongs, if that is not done yet.
func (d *fileDriver) mount(ctx context.Context) error {
	done, err := d.isMounted()
	if err != nil || done {
		return err
	}
	if err := d.files.MkdirAll(d.point, 0o755); err != nil {
		return d.errorOf("make the mount point", d.point, KindLocal, err)
	}
	argv := []string{"mount", "-t", d.fstype}
	if d.options != "" {
		argv = append(argv, "-o", d.options)
	}
	_, err = d.programWithin(ctx, d.MountTimeout, append(argv, "--", d.source, d.point)...)
	if err == nil {
		return nil
	}
	// Somebody else may have been faster, or the program was killed after the fact.
	if done, tableErr := d.isMounted(); tableErr == nil && done {
		return nil
	}
	return d.errorOf("mount", d.source+" on "+d.point, KindProgram, err)
}

// isMounted says whether the domain's file system is where it belongs. Something else there is an error, and so is the same file system
// elsewhere under the same parent: two mounts of it would be two paths of one volume.
func (d *fileDriver) isMounted() (bool, error) {
	table, err := d.mounts()
	if err != nil {
		return false, err
	}
	if m, ok := table.At(d.point); ok {
		if !d.is(m) {
			return false, &Error{
				Driver: d.Driver, Op: "mount", Subject: d.source + " on " + d.point, Kind: KindForeign,
				Err: fmt.Errorf("%s is mounted there", m),
			}
		}
		return true, nil
	}
	if d.Driver == config.DriverPosix {
		return false, nil // its sources need not be unique
	}
	for _, m := range table {
		if strings.HasPrefix(m.Point, d.MountParent+"/") && d.is(m) {
			return false, &Error{
				Driver: d.Driver, Op: "mount", Subject: d.source + " on " + d.point, Kind: KindForeign,
				Err:  fmt.Errorf("it is already mounted on %s", m.Point),
				Cure: "unmount it there, or spell storage_connection as it was spelled then",
			}
		}
	}
	return false, nil
}

// is says whether a mount is of the domain's file system.
func (d *fileDriver) is(m mountinfo.Mount) bool {
	if d.fstype == "none" || hasOption(d.options, "bind") || hasOption(d.options, "rbind") {
		// A bind mount names the device below and the directory in it.
		return m.Root == "/" || strings.HasSuffix(d.source, m.Root)
	}
	base, _, _ := strings.Cut(m.Type, ".")
	want, _, _ := strings.Cut(d.fstype, ".")
	if d.Driver == config.DriverGluster {
		// Volumes are known with and without a slash before their name.
		return base == "fuse" && strings.ReplaceAll(normalize(m.Source), ":/", ":") == strings.ReplaceAll(d.source, ":/", ":")
	}
	if strings.TrimRight(base, "34") != strings.TrimRight(want, "34") && base != "fuse" && base != "fuseblk" {
		return false
	}
	return normalize(m.Source) == d.source
}

// Disconnect removes the links and unmounts.
func (d *fileDriver) Disconnect(ctx context.Context) error {
	ctx, cancel := d.bounded(ctx)
	defer cancel()
	d.removeRunLinks(func(image string) (link, target string) {
		return d.runLink(image), path.Join(d.point, d.SDUUID, "images", image)
	})
	if err := d.unmount(ctx); err != nil {
		return err
	}
	// The mount point is a local directory again, and this one is ours.
	if err := d.files.Remove(d.point); err != nil && !isGone(err) {
		d.note(fmt.Sprintf("%s: the empty mount point stays: %v", d.Driver, err))
	}
	return nil
}

// maxStacked is how many mounts on one point are taken away.
const maxStacked = 8

// unmount detaches the file system from the tree. Who has files open there keeps them. It is a program because what the kernel does
// behind a detached mount, the last writes of it for one, may hang with the server.
func (d *fileDriver) unmount(ctx context.Context) error {
	for range maxStacked {
		table, err := d.mounts()
		if err != nil {
			return err
		}
		m, ok := table.At(d.point)
		if !ok {
			return nil
		}
		if !d.is(m) {
			return &Error{Driver: d.Driver, Op: "unmount", Subject: d.point, Kind: KindForeign, Err: fmt.Errorf("%s is mounted there", m)}
		}
		_, failed := d.program(ctx, "umount", "--internal-only", "--no-canonicalize", "--lazy", "--", d.point)
		if failed == nil {
			continue
		}
		if table, err = d.mounts(); err != nil {
			return err
		}
		if _, still := table.At(d.point); still {
			return d.errorOf("unmount", d.point, KindProgram, failed)
		}
	}
	return d.errorOf("unmount", d.point, KindForeign, errors.New("more and more is mounted there"))
}
