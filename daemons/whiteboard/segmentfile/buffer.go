package segmentfile

import (
	"unsafe"

	"github.com/holdfast-ha/holdfast/daemons/whiteboard"
)

// alignment of memory for O_DIRECT, in bytes: enough for sectors of 512 and of 4096 bytes.
const alignment = 4096

// Buffer is memory for whole segments, aligned for direct I/O. It is not safe for concurrent use. While a lane reads into it, it
// belongs to the lane, and to a stuck lane for ever: take a new one after abandoning a lane.
type Buffer struct{ bytes []byte }

// NewBuffer makes room for the given number of segments, 1 to 2001. Other numbers are taken as the nearest of these.
func NewBuffer(segments int) *Buffer {
	size := min(max(segments, 1), whiteboard.Segments) * whiteboard.SegmentSize
	// Go does not move memory of this size, so an aligned part of a larger slice stays aligned.
	raw := make([]byte, size+alignment)
	skip := 0
	if rest := int(uintptr(unsafe.Pointer(&raw[0])) % alignment); rest != 0 {
		skip = alignment - rest
	}
	return &Buffer{bytes: raw[skip : skip+size : skip+size]}
}

// Segments is the number of segments that the buffer has room for.
func (b *Buffer) Segments() int { return len(b.bytes) / whiteboard.SegmentSize }

// Segment returns the i-th segment in the buffer, counted from 0, without copying; nil if there is none.
func (b *Buffer) Segment(i int) []byte {
	if i < 0 || i >= b.Segments() {
		return nil
	}
	start := i * whiteboard.SegmentSize
	return b.bytes[start : start+whiteboard.SegmentSize : start+whiteboard.SegmentSize]
}
