package faultfs

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Kind is what a rule does to the requests that it matches.
type Kind string

// Kinds of rules.
const (
	Hang    Kind = "hang"    // held until the rule is cleared
	Latency Kind = "latency" // delayed by DelayMS, or until the rule is cleared
	Fail    Kind = "fail"    // refused with Error, without touching the backing file
)

// Op is an operation of the file system that rules can match.
type Op string

// Operations that rules match. OpAllocate covers fallocate in all its modes (hole punching too); OpTruncate any change of
// the size; OpOpen opening and creating a file.
const (
	OpRead     Op = "read"
	OpWrite    Op = "write"
	OpFsync    Op = "fsync"
	OpAllocate Op = "fallocate"
	OpTruncate Op = "truncate"
	OpOpen     Op = "open"
)

// Ops lists all operations that rules match.
func Ops() []Op { return []Op{OpRead, OpWrite, OpFsync, OpAllocate, OpTruncate, OpOpen} }

// Errors lists the errors that a rule can make requests fail with, by their names in errno.h: the medium failed, it is full, the file
// is not the one that was opened, the file system was turned read-only.
func Errors() []string { return []string{"EIO", "ENOSPC", "ESTALE", "EROFS"} }

// errnoOf is the number of one of Errors(), 0 for other names.
func errnoOf(name string) syscall.Errno {
	switch name {
	case "EIO":
		return unix.EIO
	case "ENOSPC":
		return unix.ENOSPC
	case "ESTALE":
		return unix.ESTALE
	case "EROFS":
		return unix.EROFS
	}
	return 0
}

// ranged says whether requests of the operation name a range of bytes.
func (o Op) ranged() bool { return o == OpRead || o == OpWrite || o == OpAllocate }

// Limits of a rule.
const (
	MaxDelay = 10 * time.Minute
	maxName  = 255 // bytes of an id or a file name
)

// Rule selects requests and says what happens to them. A request meets a rule when all selectors agree; each request
// meets each rule at most once, also when it was held by another rule in between.
type Rule struct {
	// ID names the rule; the server makes one up when it is empty. An id in use is refused.
	ID   string `json:"id,omitempty"`
	Kind Kind   `json:"kind"`
	// Ops are the operations that the rule matches. Empty means all that touch data: every one of Ops() but open, which a real
	// medium would not notice and which makes some servers hang far beyond the file.
	Ops []Op `json:"ops,omitempty"`
	// Via is the base name of a mount point: requests that come through that mount. Empty means every mount.
	Via string `json:"via,omitempty"`
	// File is a base name; empty means every file.
	File string `json:"file,omitempty"`
	// OffsetFrom and OffsetTo select requests that touch a byte of [OffsetFrom, OffsetTo). 0, 0 selects all. Operations
	// that name no bytes (fsync, truncate, open) are not matched by a rule with a range.
	OffsetFrom int64 `json:"offset_from,omitempty"`
	OffsetTo   int64 `json:"offset_to,omitempty"`
	// DelayMS is the delay of a latency rule in milliseconds: more than 0, at most MaxDelay.
	DelayMS float64 `json:"delay_ms,omitempty"`
	// Error is what a failing rule answers: one of Errors(). With ENOSPC and EROFS, which no read meets, Ops must be given.
	Error string `json:"error,omitempty"`
	// First limits the rule to the first so many requests that match; 0 means no limit.
	First int `json:"first,omitempty"`
	// Probability is the chance of a matching request to be affected, 0 < p <= 1; 0 means 1.
	Probability float64 `json:"probability,omitempty"`
}

// Delay is DelayMS as a duration.
func (r Rule) Delay() time.Duration { return time.Duration(r.DelayMS * float64(time.Millisecond)) }

// Validate returns an error that names the field and what was expected.
func (r Rule) Validate() error {
	switch r.Kind {
	case Hang:
		if r.DelayMS != 0 {
			return fmt.Errorf("rule: delay_ms is %v, want none: a hang lasts until it is cleared", r.DelayMS)
		}
	case Latency:
		if !(r.DelayMS > 0) || r.DelayMS > float64(MaxDelay.Milliseconds()) {
			return fmt.Errorf("rule: delay_ms is %v, want more than 0 and at most %d", r.DelayMS, MaxDelay.Milliseconds())
		}
	case Fail:
		if err := r.validateError(); err != nil {
			return err
		}
	default:
		return fmt.Errorf("rule: kind is %q, want %q, %q or %q", r.Kind, Hang, Latency, Fail)
	}
	if r.Kind != Fail && r.Error != "" {
		return fmt.Errorf("rule: error is %q, want none: only a rule of kind %q has one", r.Error, Fail)
	}
	for _, op := range r.Ops {
		if !slices.Contains(Ops(), op) {
			return fmt.Errorf("rule: unknown operation %q in ops, want some of %v", op, Ops())
		}
	}
	switch {
	case len(r.ID) > maxName || len(r.File) > maxName || len(r.Via) > maxName:
		return fmt.Errorf("rule: id, via or file is longer than %d bytes", maxName)
	case strings.ContainsAny(r.Via, "/\x00"):
		return fmt.Errorf("rule: via is %q, want the base name of a mount point, or none for all", r.Via)
	case r.File == "." || r.File == ".." || strings.ContainsAny(r.File, "/\x00"):
		return fmt.Errorf("rule: file is %q, want a base name without slashes, or none for all files", r.File)
	case r.OffsetFrom < 0 || r.OffsetTo < 0:
		return fmt.Errorf("rule: negative offset in %d..%d", r.OffsetFrom, r.OffsetTo)
	case (r.OffsetFrom != 0 || r.OffsetTo != 0) && r.OffsetFrom >= r.OffsetTo:
		return fmt.Errorf("rule: offset_to is %d, want more than offset_from, %d", r.OffsetTo, r.OffsetFrom)
	case r.OffsetTo != 0 && len(r.Ops) > 0 && !slices.ContainsFunc(r.Ops, Op.ranged):
		return fmt.Errorf("rule: a range of bytes never matches the operations %v, which name no bytes", r.Ops)
	case r.First < 0:
		return fmt.Errorf("rule: first is %d, want 0 or more", r.First)
	case !(r.Probability >= 0 && r.Probability <= 1):
		return fmt.Errorf("rule: probability is %v, want 0 < p <= 1", r.Probability)
	}
	return nil
}

func (r Rule) validateError() error {
	switch {
	case r.DelayMS != 0:
		return fmt.Errorf("rule: delay_ms is %v, want none: a request fails at once", r.DelayMS)
	case errnoOf(r.Error) == 0:
		return fmt.Errorf("rule: error is %q, want one of %v", r.Error, Errors())
	case (r.Error == "ENOSPC" || r.Error == "EROFS") && (len(r.Ops) == 0 || slices.Contains(r.Ops, OpRead)):
		return fmt.Errorf("rule: a read never fails with %s: name the operations in ops, and read not among them", r.Error)
	}
	return nil
}

// Request is one operation on its way through the gate. Offset and Length are bytes, and 0 for operations without a range.
type Request struct {
	Op     Op
	Via    string // base name of the mount point
	File   string // base name
	Offset int64
	Length int64
}

// selects reports whether the selectors match, before First and Probability.
func (r *Rule) selects(q Request) bool {
	if len(r.Ops) == 0 && q.Op == OpOpen || len(r.Ops) > 0 && !slices.Contains(r.Ops, q.Op) {
		return false
	}
	if r.Via != "" && r.Via != q.Via || r.File != "" && r.File != q.File {
		return false
	}
	if r.OffsetTo == 0 {
		return true
	}
	return q.Op.ranged() && q.Offset < r.OffsetTo && q.Offset+q.Length > r.OffsetFrom
}
