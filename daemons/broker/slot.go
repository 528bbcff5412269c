//go:build !mutant_oneslot

package broker

// slot returns the place in the mailbox where a segment's record waits: each segment has its own.
func slot(segment int) int { return segment }
