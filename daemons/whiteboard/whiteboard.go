// Package whiteboard is the codec of the metadata volume, the whiteboard on which the hosts of a cluster tell each other how they
// are. It is pure: bytes in, values out. It reads and writes what upstream's agents and brokers do, byte for byte, so that
// both can share one cluster.
//
// The volume is cut into segments of 4096 bytes. Segment 0 is the global block; segment n belongs to the host with id n,
// 1 to 2000. A segment whose first byte is 0 is absent: nobody lives there. There is no header and no magic.
//
// Decoding is total. It works on bytes, never on characters, and judges each segment alone: whatever a segment holds, it
// yields a record or an *Error about that segment, and no other segment is affected (S12, S13). Nothing here panics on input.
package whiteboard

import (
	"bytes"
	"fmt"
)

// Sizes of the format, in bytes unless said otherwise.
const (
	// SegmentSize is the size of one segment.
	SegmentSize = 4096
	// MachineSize is the size of the first part of a host's segment, the one that programs read. The rest is for people.
	MachineSize = 512
	// MaxHostID is the highest host id that has a segment.
	MaxHostID = 2000
	// Segments is the number of segments, the global block included.
	Segments = MaxHostID + 1

	// ParseVersion is token 0 of every record written. Readers refuse a greater one.
	ParseVersion = 1
	// FeatureVersion is token 1 of every record written.
	FeatureVersion = 1
)

// Segment is one segment as it lies on the volume.
type Segment [SegmentSize]byte

// Kind tells what is wrong with a segment.
type Kind uint8

// The kinds of Error.
const (
	// Absent: the first byte is 0, nobody lives there. Not a fault.
	Absent Kind = iota + 1
	// Malformed: not a record at all.
	Malformed
	// TooNew: written by a version whose format this one does not know.
	TooNew
	// TooOld: written by a version that this one no longer understands.
	TooOld
	// BadCRC: a record whose checksum does not match; torn or overwritten.
	BadCRC
	// Foreign: a good record, but of another host than the one that owns the segment.
	Foreign
)

var kindNames = [...]string{
	Absent: "absent", Malformed: "malformed", TooNew: "too new", TooOld: "too old", BadCRC: "bad CRC", Foreign: "foreign",
}

// String returns the kind in words.
func (k Kind) String() string {
	if int(k) < len(kindNames) && kindNames[k] != "" {
		return kindNames[k]
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

func (k Kind) remedy() string {
	switch k {
	case Absent:
		return "nothing to do: the host has never published or was cleaned"
	case TooNew:
		return "upgrade this host"
	case TooOld:
		return "upgrade that host"
	case Foreign:
		return "two hosts may be configured with the same host_id, or one writes where it must not"
	default:
		return "the owner overwrites it with its next publication; for a host that is gone, clean the segment"
	}
}

// Error is the verdict on one segment that holds no usable record.
type Error struct {
	Kind    Kind
	Segment int
	Cause   error // what exactly was found; nil for Absent
}

func (e *Error) Error() string {
	if e.Cause == nil {
		return fmt.Sprintf("whiteboard segment %d: %v (%s)", e.Segment, e.Kind, e.Kind.remedy())
	}
	return fmt.Sprintf("whiteboard segment %d: %v: %v (%s)", e.Segment, e.Kind, e.Cause, e.Kind.remedy())
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// IsAbsent tells whether nobody lives in seg: it is empty or its first byte is 0.
func IsAbsent(seg []byte) bool { return len(seg) == 0 || seg[0] == 0 }

// Cleaned tells whether seg is a whole segment of zeros, as cleaning a host's metadata leaves it.
func Cleaned(seg []byte) bool {
	var zero Segment
	return bytes.Equal(seg, zero[:])
}

// untilNUL returns the bytes before the first NUL, all of them if there is none.
func untilNUL(b []byte) []byte {
	text, _, _ := bytes.Cut(b, []byte{0})
	return text
}
