package storage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"

	"golang.org/x/sys/unix"
)

// Names of the links in a domain's ha_agent directory, which upstream's programs of other versions look for.
const (
	compatibilityDir = "ha_agent"
	whiteboardLink   = "hosted-engine.metadata"
	lockspaceLink    = "hosted-engine.lockspace"
)

// linker makes link point to target by a rename, so that at no time it is not there, and two who make it at once do not disturb each
// other (S20). A link that is right already is left alone. The link's directory is made if it is missing.
type linker interface {
	link(ctx context.Context, target, link string) error
}

// localLinks makes links on this host's own file systems.
type localLinks struct{ *host }

func (l localLinks) link(_ context.Context, target, link string) error {
	if old, err := l.files.Readlink(link); err == nil && old == target {
		return nil
	}
	if err := l.files.MkdirAll(path.Dir(link), 0o755); err != nil {
		return l.errorOf("make the directory", path.Dir(link), KindLocal, err)
	}
	temporary := temporaryName(link)
	_ = l.files.Remove(temporary) // of a process that ended in between
	err := l.files.Symlink(target, temporary)
	if err == nil {
		if err = l.files.Rename(temporary, link); err != nil {
			_ = l.files.Remove(temporary)
		}
	}
	return l.errorOf("make the link", link+" to "+target, KindLocal, err)
}

// sharedLinks makes links on the domain's file system, by programs, because that may hang.
type sharedLinks struct{ *host }

func (l sharedLinks) link(ctx context.Context, target, link string) error {
	if old, err := l.program(ctx, "readlink", "--no-newline", "--", link); err == nil && old == target {
		return nil
	}
	temporary := temporaryName(link)
	for _, argv := range [][]string{
		{"mkdir", "--parents", "--", path.Dir(link)},
		{"ln", "--symbolic", "--force", "--no-target-directory", "--", target, temporary},
		{"mv", "--no-target-directory", "--force", "--", temporary, link},
	} {
		if _, err := l.program(ctx, argv...); err != nil {
			return l.errorOf("make the link", link+" to "+target, KindProgram, err)
		}
	}
	return nil
}

// temporaryName is a name beside path that no other host and no other process uses.
func temporaryName(link string) string {
	name, err := os.Hostname()
	if err != nil || name == "" {
		name = "host"
	}
	return path.Join(path.Dir(link), fmt.Sprintf(".%s.%s.%d", path.Base(link), path.Base(name), os.Getpid()))
}

// compatibilityLinks makes the links in ha_agent. Nothing of Holdfast needs them: what goes wrong is only noted.
func (h *host) compatibilityLinks(ctx context.Context, v Volumes, l linker) {
	for _, one := range []struct{ name, target string }{{whiteboardLink, v.Whiteboard}, {lockspaceLink, v.Lockspace}} {
		if one.target == "" {
			continue
		}
		if err := l.link(ctx, one.target, path.Join(v.DomainDir, compatibilityDir, one.name)); err != nil {
			h.note("a link that upstream's older programs look for is not there: " + err.Error())
			return // the second one would fail alike, and perhaps take as long
		}
	}
}

// removeRunLinks takes away the links to the images' directories that Connect made, as far as they are still its own.
func (h *host) removeRunLinks(of func(image string) (link, target string)) {
	for _, v := range h.wanted() {
		link, target := of(v.Image)
		if old, err := h.files.Readlink(link); err != nil || old != target {
			continue
		}
		if err := h.files.Remove(link); err != nil && !isGone(err) {
			h.note(fmt.Sprintf("%s: a link stays: %v", h.Driver, err))
		}
	}
	_ = h.files.Remove(path.Join(h.RunLinks, h.SDUUID)) // where it is empty; VDSM may have links of its own there
}

// isGone says that there was nothing to remove.
func isGone(err error) bool { return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) }

// isDirectory says that a file was expected where a directory is.
func isDirectory(err error) bool { return errors.Is(err, unix.EISDIR) }
