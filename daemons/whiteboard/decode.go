package whiteboard

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"
)

// Decode reads the segment of the host with the given id, 1 to 2000. seg may be as short as the machine part, 512 bytes. The error
// is always an *Error, and the record is then the zero value.
//
// The order of the tests is upstream's where upstream has one: version, number of tokens, and the checksum before any
// number is read (S13). Two tests are new: token 3 must be the id that owns the segment (S15), and a score or time must
// not be negative.
func Decode(hostID int, seg []byte) (Record, error) {
	record, kind, cause := decode(hostID, seg)
	if kind != 0 {
		return Record{}, &Error{Kind: kind, Segment: hostID, Cause: cause}
	}
	return record, nil
}

func decode(hostID int, seg []byte) (Record, Kind, error) {
	if hostID < 1 || hostID > MaxHostID {
		return Record{}, Malformed, fmt.Errorf("no host has id %d; ids are 1 to %d", hostID, MaxHostID)
	}
	if IsAbsent(seg) {
		return Record{}, Absent, nil
	}
	if len(seg) < MachineSize {
		return Record{}, Malformed, fmt.Errorf("%d bytes, fewer than the %d of the machine part", len(seg), MachineSize)
	}
	machine := untilNUL(seg[:MachineSize])
	version, err := leadingVersion(machine)
	if err != nil {
		return Record{}, Malformed, err
	}
	if version > ParseVersion {
		return Record{}, TooNew, fmt.Errorf("parse version %d, this version reads %d", version, ParseVersion)
	}
	tokens := strings.Split(string(machine), separator)
	if len(tokens) < tokensRequired {
		return Record{}, Malformed, fmt.Errorf("%d tokens, fewer than %d", len(tokens), tokensRequired)
	}
	if len(tokens) > tokenCRC {
		if kind, err := checkCRC(machine, tokens[tokenCRC]); err != nil {
			return Record{}, kind, err
		}
	} else if len(bytes.Trim(seg[len(machine):MachineSize], "\x00")) > 0 {
		// Short records carry no checksum, so bytes behind the padding are the only sign that one was overwritten.
		return Record{}, Malformed, errors.New("no checksum, and more text behind the padding")
	}
	return readTokens(hostID, version, tokens, seg)
}

// readTokens reads the tokens of a record whose checksum, if it has one, is right.
func readTokens(hostID, version int, tokens []string, seg []byte) (Record, Kind, error) {
	r := reader{tokens: tokens}
	record := Record{
		ParseVersion:        version,
		FeatureVersion:      int(r.number(tokenFeatureVersion, "feature version")),
		Timestamp:           r.number(tokenTimestamp, "timestamp"),
		HostID:              int(r.number(tokenHostID, "host id")),
		Score:               int(r.number(tokenScore, "score")),
		EngineStatus:        strings.ToValidUTF8(tokens[tokenEngineStatus], "\uFFFD"),
		HostName:            strings.ToValidUTF8(tokens[tokenHostName], "\uFFFD"),
		Maintenance:         r.flag(tokenMaintenance, "maintenance"),
		Stopped:             r.flag(tokenStopped, "stopped"),
		ConfOnSharedStorage: r.flag(tokenConfOnSharedStorage, "configuration on shared storage"),
		ConfTimestamp:       r.optional(tokenConfTimestamp, "configuration time"),
	}
	if len(tokens) > tokenCRC {
		crc, _ := parseCRC(tokens[tokenCRC])
		record.CRC = crc
	}
	switch {
	case r.err != nil:
		return Record{}, Malformed, r.err
	case record.FeatureVersion < FeatureVersion:
		return Record{}, TooOld, fmt.Errorf("feature version %d, this version reads %d and later", record.FeatureVersion, FeatureVersion)
	case record.HostID != hostID:
		return Record{}, Foreign, fmt.Errorf("the record is that of host id %d, host name %q", record.HostID, record.HostName)
	}
	if len(seg) > MachineSize {
		human := seg[MachineSize:min(len(seg), SegmentSize)]
		record.Human = strings.ToValidUTF8(string(untilNUL(bytes.TrimLeft(human, "\x00"))), "\uFFFD")
	}
	return record, 0, nil
}

// leadingVersion reads the digits with which the text begins.
func leadingVersion(text []byte) (int, error) {
	digits := 0
	for digits < len(text) && text[digits] >= '0' && text[digits] <= '9' {
		digits++
	}
	if digits == 0 {
		return 0, fmt.Errorf("does not begin with a version but with %q", text[:min(len(text), 16)])
	}
	version, err := strconv.Atoi(string(text[:digits]))
	if err != nil {
		version = int(^uint(0) >> 1) // more digits than a number holds: certainly newer
	}
	return version, nil
}

// checkCRC verifies the checksum over the machine part, in which token 9 counts as eight zeros. Tokens after the last
// known one are covered too.
func checkCRC(machine []byte, token string) (Kind, error) {
	want, err := parseCRC(token)
	if err != nil {
		return Malformed, err
	}
	if got := checksum(strings.Split(string(machine), separator)); got != want {
		return BadCRC, fmt.Errorf("the checksum in the record is %08x, that of its text %08x", want, got)
	}
	return 0, nil
}

func parseCRC(token string) (uint32, error) {
	crc, err := strconv.ParseUint(token, 16, 32)
	if err != nil {
		return 0, fmt.Errorf("checksum %q is not a hexadecimal number", token)
	}
	return uint32(crc), nil
}

// checksum computes token 9 of the given tokens, whatever stands there. It changes tokens[9].
func checksum(tokens []string) uint32 {
	tokens[tokenCRC] = blankCRC
	return crc32.ChecksumIEEE([]byte(strings.Join(tokens, separator)))
}

// reader reads tokens and keeps the first error.
type reader struct {
	tokens []string
	err    error
}

// number reads a token that is a whole number, 0 or more.
func (r *reader) number(token int, what string) int64 {
	n, err := strconv.ParseInt(strings.TrimSpace(r.tokens[token]), 10, 64)
	if err == nil && n < 0 {
		err = errors.New("it is negative")
	}
	if err != nil && r.err == nil {
		r.err = fmt.Errorf("%s (token %d) is %q, not a whole number", what, token, r.tokens[token])
	}
	return n
}

// optional reads like number and takes an absent token as 0.
func (r *reader) optional(token int, what string) int64 {
	if token >= len(r.tokens) {
		return 0
	}
	return r.number(token, what)
}

// flag reads a token that is 1 or 0 and takes an absent one as 0. Upstream's readers take any other number as true.
func (r *reader) flag(token int, what string) bool { return r.optional(token, what) != 0 }
