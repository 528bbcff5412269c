package storage

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// mount is one line of /proc/self/mountinfo.
type mount struct {
	Root   string // of the mounted file system, "/" unless it is a bind mount or the like
	Point  string // where it is mounted
	Type   string // nfs4, fuse.glusterfs, ...
	Source string // nas:/exports/he, /dev/vda, none, ...
}

// mountTable are all mounts, in the kernel's order: of several on one point the last one is seen.
type mountTable []mount

// parseMounts reads a mountinfo; see proc_pid_mountinfo(5). Lines that it does not understand are left out.
func parseMounts(text []byte) mountTable {
	var table mountTable
	for line := range strings.Lines(string(text)) {
		before, after, ok := strings.Cut(line, " - ")
		place, what := strings.Fields(before), strings.Fields(after)
		if !ok || len(place) < 6 || len(what) < 2 {
			continue
		}
		table = append(table, mount{Root: unescapeOctal(place[3]), Point: unescapeOctal(place[4]), Type: what[0], Source: unescapeOctal(what[1])})
	}
	return table
}

// unescapeOctal undoes the kernel's escapes, such as \040 for a blank.
func unescapeOctal(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+3 < len(text) {
			if code, err := strconv.ParseUint(text[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(code))
				i += 3
				continue
			}
		}
		b.WriteByte(text[i])
	}
	return b.String()
}

// at returns what is seen at a mount point; ok is false if nothing is mounted there.
func (t mountTable) at(point string) (m mount, ok bool) {
	for _, m := range slices.Backward(t) {
		if m.Point == point {
			return m, true
		}
	}
	return mount{}, false
}

// mounts reads the table.
func (h *host) mounts() (mountTable, error) {
	text, err := h.files.Mounts()
	if err != nil {
		return nil, h.errorOf("read", "/proc/self/mountinfo", KindLocal, err)
	}
	return parseMounts(text), nil
}

// String describes a mount for an error.
func (m mount) String() string { return fmt.Sprintf("%s of type %s", m.Source, m.Type) }
