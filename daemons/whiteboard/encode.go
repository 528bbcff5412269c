package whiteboard

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Encode makes the segment of record's host, both parts of it. It refuses whatever could harm a reader, of which upstream's are the
// more delicate ones: text that is not ASCII shifts or kills them (S12), and so does a number that is none (S13).
//
// human must tell the same host id, score and times as record; Record.HumanPart makes such a value.
func Encode(record Record, human Human) (Segment, error) {
	var segment Segment
	machine, err := machinePart(record)
	if err != nil {
		return Segment{}, fmt.Errorf("encode record of host %d: %w", record.HostID, err)
	}
	if err := human.contradicts(record); err != nil {
		return Segment{}, fmt.Errorf("encode record of host %d: human part: %w", record.HostID, err)
	}
	text, err := human.text()
	if err != nil {
		return Segment{}, fmt.Errorf("encode record of host %d: human part: %w", record.HostID, err)
	}
	copy(segment[:MachineSize], machine)
	copy(segment[MachineSize:], text)
	return segment, nil
}

func machinePart(r Record) (string, error) {
	switch {
	case r.ParseVersion != 0 && r.ParseVersion != ParseVersion:
		return "", fmt.Errorf("parse version %d: only %d is written, readers refuse any other", r.ParseVersion, ParseVersion)
	case r.FeatureVersion != 0 && r.FeatureVersion != FeatureVersion:
		return "", fmt.Errorf("feature version %d: only %d is written", r.FeatureVersion, FeatureVersion)
	case r.HostID < 1 || r.HostID > MaxHostID:
		return "", fmt.Errorf("host id %d is not in 1 to %d", r.HostID, MaxHostID)
	case r.Timestamp < 0 || r.ConfTimestamp < 0:
		return "", fmt.Errorf("negative time: timestamp %d, configuration time %d", r.Timestamp, r.ConfTimestamp)
	case r.Score < 0:
		return "", fmt.Errorf("negative score %d", r.Score)
	case r.HostName == "":
		return "", errors.New("no host name")
	}
	for _, field := range []struct{ name, value string }{{"engine status", r.EngineStatus}, {"host name", r.HostName}} {
		if err := plain(field.value); err != nil {
			return "", fmt.Errorf("%s: %w", field.name, err)
		}
		if strings.Contains(field.value, separator) {
			return "", fmt.Errorf("%s %q contains the separator %q", field.name, field.value, separator)
		}
	}
	if !json.Valid([]byte(r.EngineStatus)) || (r.EngineStatus != "null" && !strings.HasPrefix(r.EngineStatus, "{")) {
		return "", fmt.Errorf("engine status %q is neither a JSON object nor null", r.EngineStatus)
	}
	tokens := []string{
		strconv.Itoa(ParseVersion),
		strconv.Itoa(FeatureVersion),
		strconv.FormatInt(r.Timestamp, 10),
		strconv.Itoa(r.HostID),
		strconv.Itoa(r.Score),
		r.EngineStatus,
		r.HostName,
		flagText(r.Maintenance),
		flagText(r.Stopped),
		blankCRC,
		flagText(r.ConfOnSharedStorage),
		strconv.FormatInt(r.ConfTimestamp, 10),
	}
	tokens[tokenCRC] = fmt.Sprintf("%08x", checksum(tokens))
	machine := strings.Join(tokens, separator)
	if len(machine) > MachineSize {
		return "", fmt.Errorf("%d bytes do not fit the %d of the machine part; shorten the host name or the engine status", len(machine), MachineSize)
	}
	return machine, nil
}

func flagText(b bool) string {
	if b {
		return "1"
	}
	return "0"
}

// plain accepts printable ASCII. Line ends and NUL bytes would end a token early.
func plain(text string) error {
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' {
			return fmt.Errorf("%q has a byte at %d that is not printable ASCII", text, i)
		}
	}
	return nil
}
