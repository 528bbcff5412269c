package store

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

const (
	// MaxVolume is how much of a store is read at most, in bytes.
	MaxVolume = 64 << 20
	// maxMember bounds the members that are kept, in bytes.
	maxMember = 8 << 20
	// maxMembers bounds their number: an engine has some thousand VMs and templates.
	maxMembers = 100_000
	infoName   = "info.json"
)

// Content is what was looked for in a store.
type Content struct {
	// OVF is the document.
	OVF []byte
	// Published is when the engine wrote the tar, according to the tar itself; zero if it does not tell.
	Published time.Time
}

// TornError tells that a store does not hold a whole tar.
type TornError struct{ Reason string }

// Error returns the reason.
func (e *TornError) Error() string {
	return "the OVF_STORE is torn: " + e.Reason + " (the engine may be writing it; it is read again)"
}

// MissingError tells that a whole store has no OVF of the VM.
type MissingError struct{ VMUUID string }

// Error names the VM.
func (e *MissingError) Error() string {
	return "the OVF_STORE has no " + e.VMUUID + ".ovf (check vmid; the engine publishes its own VM some time after deployment)"
}

// Read reads a store to the tar's end mark, though not more than MaxVolume bytes, and returns the OVF of one VM. Bytes behind the end mark
// are left alone: the rest of the volume is undefined. Errors are *TornError, *MissingError, or what volume gave.
func Read(volume io.Reader, vmUUID string) (Content, error) {
	input := &bounded{from: volume, left: MaxVolume}
	r := tar.NewReader(input)
	var c Content
	found := false
	for range maxMembers {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			switch {
			case input.ended: // the volume ended where the next header should be; a whole tar has an end mark
				return Content{}, &TornError{Reason: "its end mark is missing"}
			case !found:
				return Content{}, &MissingError{VMUUID: vmUUID}
			}
			return c, nil
		}
		if err != nil {
			return Content{}, input.explain(err)
		}
		isInfo, isOVF := header.Name == infoName, header.Name == vmUUID+".ovf"
		if header.Typeflag != tar.TypeReg || !isInfo && !isOVF {
			continue
		}
		if header.Size > maxMember {
			return Content{}, &TornError{Reason: fmt.Sprintf("%s claims %d bytes", header.Name, header.Size)}
		}
		data, err := io.ReadAll(io.LimitReader(r, maxMember))
		if err != nil {
			return Content{}, input.explain(err)
		}
		if isInfo {
			c.Published = infoTime(data)
		} else {
			c.OVF, found = data, true // the last one counts, as with tar
		}
	}
	return Content{}, &TornError{Reason: fmt.Sprintf("more than %d members", maxMembers)}
}

func infoTime(info []byte) time.Time {
	var members map[string]json.RawMessage
	if json.Unmarshal(bytes.TrimSpace(info), &members) != nil {
		return time.Time{}
	}
	return published(members["Last Updated"])
}

// bounded reads from an io.Reader until a bound and remembers how that ended.
type bounded struct {
	from  io.Reader
	left  int
	ended bool  // the bound or the end of the input was met
	err   error // what the input gave, other than its end
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left == 0 {
		b.ended = true
		return 0, io.EOF
	}
	n, err := b.from.Read(p[:min(len(p), b.left)])
	b.left -= n
	switch {
	case errors.Is(err, io.EOF):
		b.ended = n == 0
	case err != nil:
		b.err = err
	}
	return n, err
}

// explain tells an error of the storage from one of the tar.
func (b *bounded) explain(err error) error {
	switch {
	case b.err != nil:
		return b.err
	case b.left == 0:
		return &TornError{Reason: fmt.Sprintf("no end within %d bytes", MaxVolume)}
	}
	return &TornError{Reason: fmt.Sprintf("near byte %d: %v", MaxVolume-b.left, err)}
}
