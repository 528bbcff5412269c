// Package archive is the codec of the shared configuration: a GNU tar of exactly 20480 bytes at the beginning of the configuration
// volume, with five members. It is pure: bytes in, bytes out.
//
// The engine and upstream's tools read that many bytes and no more, and want all five names. What stands in an archive behind the tar's
// end mark means nothing to them; there Encode leaves a checksum if there is room, so that an archive of which a crash or a hang left only
// some blocks on storage is found out although every tar header in it is right. An archive without the checksum, as Python hosts write
// them, is taken as it is.
package archive

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// Size of an archive, in bytes. It is the engine's and does not change.
const Size = 20480

// Names of the members, in the order in which they are written.
const (
	Version    = "version"
	Answers    = "fhanswers.conf"
	HostedConf = "hosted-engine.conf"
	BrokerConf = "broker.conf"
	VMConf     = "vm.conf"
)

// Names returns the five names in the order in which they are written.
func Names() []string { return []string{Version, Answers, HostedConf, BrokerConf, VMConf} }

// Files are the contents of the members by name.
type Files map[string][]byte

// Clone copies the map and all contents.
func (f Files) Clone() Files {
	c := make(Files, len(f))
	for name, data := range f {
		c[name] = bytes.Clone(data)
	}
	return c
}

// Equal tells whether both have the same members with the same contents.
func (f Files) Equal(other Files) bool {
	if len(f) != len(other) {
		return false
	}
	for name, data := range f {
		if o, ok := other[name]; !ok || !bytes.Equal(data, o) {
			return false
		}
	}
	return true
}

// DamagedError tells that what was read is not a whole archive.
type DamagedError struct{ Reason string }

// Error returns the reason and what to do.
func (e *DamagedError) Error() string {
	return "the shared configuration archive is damaged: " + e.Reason +
		" (if no other host is just writing it, put it back from a backup, or write a member again from a host that has a good copy)"
}

// TooLargeError tells that the members do not fit.
type TooLargeError struct{ Over int } // bytes

// Error says by how much.
func (e *TooLargeError) Error() string {
	return fmt.Sprintf("the members are %d bytes too large: the archive has %d bytes, each member takes its size rounded up to 512 and 512 more", e.Over, Size)
}

const (
	tarBlock = 512
	endMark  = 2 * tarBlock
	sealText = "holdfast-sha256\n"
	sealSize = len(sealText) + sha256.Size
)

// room is what the tar of these files takes, in bytes.
func room(f Files) int {
	total := endMark
	for _, data := range f {
		total += tarBlock + (len(data)+tarBlock-1)/tarBlock*tarBlock
	}
	return total
}

// Encode returns an archive of Size bytes. All five members must be there and no other; a *TooLargeError tells that they do not fit.
func Encode(f Files, written time.Time) ([]byte, error) {
	if err := complete(f); err != nil {
		return nil, fmt.Errorf("make shared configuration archive: %w", err)
	}
	if over := room(f) - Size; over > 0 {
		return nil, fmt.Errorf("make shared configuration archive: %w", &TooLargeError{Over: over})
	}
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, name := range Names() {
		header := &tar.Header{
			Typeflag: tar.TypeReg, Name: name, Size: int64(len(f[name])), Mode: 0o644, Uid: 36, Gid: 36, Uname: "vdsm", Gname: "kvm",
			ModTime: written.Truncate(time.Second), Format: tar.FormatGNU,
		}
		if err := w.WriteHeader(header); err != nil {
			return nil, fmt.Errorf("make shared configuration archive: member %s: %w", name, err)
		}
		if _, err := w.Write(f[name]); err != nil {
			return nil, fmt.Errorf("make shared configuration archive: member %s: %w", name, err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("make shared configuration archive: %w", err)
	}
	archive := make([]byte, Size)
	if used := copy(archive, out.Bytes()); used <= Size-sealSize {
		copy(archive[Size-sealSize:], seal(archive[:Size-sealSize]))
	}
	return archive, nil
}

func complete(f Files) error {
	for _, name := range Names() {
		if _, ok := f[name]; !ok {
			return fmt.Errorf("member %s is missing", name)
		}
	}
	for name := range f {
		if !slices.Contains(Names(), name) {
			return fmt.Errorf("%q is none of the five members", name)
		}
	}
	return nil
}

func seal(content []byte) []byte {
	sum := sha256.Sum256(content)
	return append([]byte(sealText), sum[:]...)
}

// Decode reads the archive at the beginning of data, of which it looks at the first Size bytes only. Members may come in any order; others
// than the five are passed over. The error is a *DamagedError.
func Decode(data []byte) (Files, error) {
	if len(data) < Size {
		return nil, &DamagedError{Reason: fmt.Sprintf("it has %d bytes, want %d", len(data), Size)}
	}
	data = data[:Size]
	if bytes.HasPrefix(data[Size-sealSize:], []byte(sealText)) && !bytes.Equal(seal(data[:Size-sealSize]), data[Size-sealSize:]) {
		return nil, &DamagedError{Reason: "its checksum is wrong, so only a part of it was written"}
	}
	input := bytes.NewReader(data)
	r := tar.NewReader(input)
	files := Files{}
	for {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, &DamagedError{Reason: fmt.Sprintf("before byte %d: %v", Size-input.Len(), err)}
		}
		if !slices.Contains(Names(), header.Name) {
			continue
		}
		if header.Typeflag != tar.TypeReg {
			return nil, &DamagedError{Reason: fmt.Sprintf("%s is not a regular file", header.Name)}
		}
		if _, twice := files[header.Name]; twice {
			return nil, &DamagedError{Reason: fmt.Sprintf("%s is in it twice", header.Name)}
		}
		if header.Size > Size {
			return nil, &DamagedError{Reason: fmt.Sprintf("%s claims %d bytes", header.Name, header.Size)}
		}
		content, err := io.ReadAll(io.LimitReader(r, Size+1))
		if err != nil {
			return nil, &DamagedError{Reason: fmt.Sprintf("%s: %v", header.Name, err)}
		}
		files[header.Name] = content
	}
	for _, name := range Names() {
		if _, ok := files[name]; !ok {
			return nil, &DamagedError{Reason: "it has no " + name}
		}
	}
	if !bytes.Equal(data[max(0, Size-input.Len()-endMark):Size-input.Len()], make([]byte, endMark)) {
		return nil, &DamagedError{Reason: "its end mark is missing"}
	}
	return files, nil
}
