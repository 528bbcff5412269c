package lane

import (
	"time"

	"github.com/holdfast-ha/holdfast/daemons/clock"
)

// What a lane is doing fits one 64-bit word, so that anybody can look at it without a lock and never see one operation's
// start with another operation's name:
//
//	bits 63..56  operation, 1 to 255; the whole word is 0 while the lane is idle
//	bits 55..44  segment, 0 to 4094; 4095 means that the operation concerns no segment
//	bits 43..0   start, in ticks of 100 microseconds of CLOCK_MONOTONIC, rounded down
//
// 44 bits of ticks last for 2^44 x 100 us = 55.7 years since boot. A later start would wrap to 0 and so look 55.7 years
// older than it is: an alarm that is raised for nothing, not one that is missed.
const (
	tick        = 100 * time.Microsecond
	tickBits    = 44
	segmentBits = 12
	tickMask    = 1<<tickBits - 1
	segmentMask = 1<<segmentBits - 1

	// NoSegment is the segment of an operation that concerns none. Any segment outside 0 to 4094 is taken as this.
	NoSegment = -1
)

func pack(op Op, segment int, start clock.Mono) uint64 {
	if segment < 0 || segment >= segmentMask {
		segment = segmentMask
	}
	ticks := uint64(max(0, start)) / uint64(tick)
	return uint64(op)<<(tickBits+segmentBits) | uint64(segment)<<tickBits | ticks&tickMask
}

func unpack(word uint64) (op Op, segment int, start clock.Mono) {
	op = Op(word >> (tickBits + segmentBits))
	segment = int(word >> tickBits & segmentMask)
	if segment == segmentMask {
		segment = NoSegment
	}
	return op, segment, clock.Mono((word & tickMask) * uint64(tick))
}
