package run

import (
	"bytes"
	"context"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-ha/holdfast/daemons/clock"
	"github.com/holdfast-ha/holdfast/daemons/whiteboard"
	"github.com/holdfast-ha/holdfast/harness/scenario"
	"github.com/holdfast-ha/holdfast/harness/tier/container"
)

// writeTries is how often a block is written whose owner overwrites it before it was read back.
const writeTries = 3

// write puts a block into the whiteboard at the server's side and reads it back.
func (r *runner) write(ctx context.Context, s *scenario.Write) (detail string, err error) {
	offset := int64(s.Segment) * whiteboard.SegmentSize
	for range writeTries {
		current, err := r.cluster.ReadVolume(ctx, container.Whiteboard, offset, whiteboard.SegmentSize)
		if err != nil {
			return "", err
		}
		block, what, err := damaged(s.As, s.Segment, current)
		if err != nil {
			return "", err
		}
		if err := r.cluster.WriteVolume(ctx, container.Whiteboard, offset, block); err != nil {
			return "", err
		}
		stored, err := r.cluster.ReadVolume(ctx, container.Whiteboard, offset, whiteboard.SegmentSize)
		if err != nil {
			return "", err
		}
		if bytes.Equal(stored, block) {
			return what + "; read back on the server's side", nil
		}
	}
	return "", fmt.Errorf("segment %d was overwritten by its owner each of %d times before it could be read back", s.Segment, writeTries)
}

// Places in a segment's machine part and human part.
const (
	tokenVersion      = 0
	tokenEngineStatus = 5
	tokenHostName     = 6
	tokenCRC          = 9
	inHuman           = whiteboard.MachineSize + 24 // somewhere in the text for people
)

// newer is by how many seconds the torn record is newer than the one that stood there.
const newer = 1000

// damaged makes the block, from what stands in the segment, and says in words what it is.
func damaged(as scenario.Damage, segment int, current []byte) (block []byte, what string, err error) {
	id := max(segment, 1) // segment 0 belongs to nobody
	switch as {
	case scenario.DamageZero:
		return make([]byte, whiteboard.SegmentSize), "zeros", nil
	case scenario.DamageForeign:
		block, err = goodRecord(id%whiteboard.MaxHostID+1, nil, 0)
		return block, fmt.Sprintf("a record of host id %d", id%whiteboard.MaxHostID+1), err
	case scenario.DamageTorn:
		if block, err = goodRecord(id, current, newer); err != nil {
			return nil, "", err
		}
		copy(block[whiteboard.MachineSize:], current[whiteboard.MachineSize:])
		return block, fmt.Sprintf("the first %d bytes of a newer record, the rest as it was", whiteboard.MachineSize), nil
	}
	if block, err = goodRecord(id, current, 0); err != nil {
		return nil, "", err
	}
	switch as {
	case scenario.DamagePoison:
		copy(block[inHuman:], "\xff\xfe")
		return block, fmt.Sprintf("a record with the bytes ff fe at %d", inHuman), nil
	case scenario.DamageBadBlock:
		return resealed(block, tokenEngineStatus, `{"vm": up, broken`), "a record with a right checksum and an engine status that is no JSON", nil
	case scenario.DamageMultibyte:
		const name = "höst-ünï-主机"
		return resealed(block, tokenHostName, name), "a record of a host called " + name, nil
	case scenario.DamageTooNew:
		return resealed(block, tokenVersion, strconv.Itoa(whiteboard.ParseVersion+1)), "a record of a parse version that nobody reads yet", nil
	}
	return nil, "", fmt.Errorf("no damage is called %q", as)
}

// goodRecord is a record of that host id: the one that stands there, where one does, so many seconds later; else one of a host that
// nobody has heard of.
func goodRecord(id int, current []byte, later int64) ([]byte, error) {
	record, err := whiteboard.Decode(id, current)
	if err != nil {
		record = whiteboard.Record{
			ParseVersion: whiteboard.ParseVersion, FeatureVersion: whiteboard.FeatureVersion, HostID: id, Score: 3400, HostName: fmt.Sprintf("stranger%d", id),
			EngineStatus: `{"vm": "down", "health": "bad", "detail": "unknown", "reason": "vm not running on this host"}`, Timestamp: int64(clock.Now().Seconds()),
		}
		record.ConfTimestamp = record.Timestamp
	}
	record.Timestamp += later
	now := time.Now()
	segment, err := whiteboard.Encode(record, record.HumanPart(now, now, whiteboard.Field{Key: "state", Value: "EngineDown"}))
	if err != nil {
		return nil, fmt.Errorf("make a record of host id %d: %w", id, err)
	}
	return segment[:], nil
}

// resealed changes one token of a record and makes the checksum right again, whatever the token says.
func resealed(block []byte, token int, text string) []byte {
	machine, _, _ := bytes.Cut(block[:whiteboard.MachineSize], []byte{0})
	tokens := strings.Split(string(machine), "|")
	tokens[token] = text
	tokens[tokenCRC] = "00000000"
	tokens[tokenCRC] = fmt.Sprintf("%08x", crc32.ChecksumIEEE([]byte(strings.Join(tokens, "|"))))
	out := make([]byte, len(block))
	copy(out[:whiteboard.MachineSize], strings.Join(tokens, "|"))
	copy(out[whiteboard.MachineSize:], block[whiteboard.MachineSize:])
	return out
}
