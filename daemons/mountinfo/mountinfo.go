// Package mountinfo reads the kernel's table of mounts. It touches no mount: that would hang with a dead server.
package mountinfo

import (
	"slices"
	"strconv"
	"strings"
)

// Path is the table as this process sees it.
const Path = "/proc/self/mountinfo"

// Mount is one line of the table.
type Mount struct {
	Root   string // of the mounted file system, "/" unless it is a bind mount or the like
	Point  string // where it is mounted
	Type   string // nfs4, fuse.glusterfs, ...
	Source string // nas:/exports/he, /dev/vda, none, ...
}

// Table are all mounts, in the kernel's order.
type Table []Mount

// Parse reads the text of a table; see proc_pid_mountinfo(5). Lines that it does not understand are left out.
func Parse(text string) Table {
	var table Table
	for line := range strings.Lines(text) {
		before, after, ok := strings.Cut(line, " - ")
		place, what := strings.Fields(before), strings.Fields(after)
		if !ok || len(place) < 6 || len(what) < 2 {
			continue
		}
		table = append(table, Mount{Root: unescape(place[3]), Point: unescape(place[4]), Type: what[0], Source: unescape(what[1])})
	}
	return table
}

// unescape undoes the kernel's escapes, such as \040 for a blank.
func unescape(text string) string {
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

// At returns what is seen at a mount point, which is the last of several; ok is false if nothing is mounted there.
func (t Table) At(point string) (m Mount, ok bool) {
	for _, m := range slices.Backward(t) {
		if m.Point == point {
			return m, true
		}
	}
	return Mount{}, false
}

// String describes a mount for an error.
func (m Mount) String() string { return m.Source + " of type " + m.Type }
