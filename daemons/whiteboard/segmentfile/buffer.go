package segmentfile

import (
	"github.com/holdfast-ha/holdfast/daemons/directio"
	"github.com/holdfast-ha/holdfast/daemons/whiteboard"
)

// Buffer is memory for whole segments, aligned for direct I/O. It is not safe for concurrent use. While a lane reads into it, it
// belongs to the lane, and to a stuck lane for ever: take a new one after abandoning a lane.
type Buffer struct{ bytes []byte }

// NewBuffer makes room for the given number of segments, 1 to 2001. Other numbers are taken as the nearest of these.
func NewBuffer(segments int) *Buffer {
	return &Buffer{bytes: directio.Aligned(min(max(segments, 1), whiteboard.Segments) * whiteboard.SegmentSize)}
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
