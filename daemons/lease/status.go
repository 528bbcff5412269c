package lease

import (
	"context"
	"fmt"
	"strings"
)

// StateType says what a State describes.
type StateType uint32

// Types of State.
const (
	StateDaemon    StateType = 1
	StateClient    StateType = 2
	StateLockspace StateType = 3
	StateResource  StateType = 4
	StateHost      StateType = 5
	StateRenewal   StateType = 6
)

// State is one record of Status or HostStatus.
type State struct {
	Type   StateType
	Flags  uint32
	Data32 uint32 // pid of a client or of a resource's holder; host id of a host
	Data64 uint64 // host id of a lockspace, version of a resource's lease, timestamp of a host
	Name   string
	// Fields are the daemon's own key=value words, for example renewal_last_result and renewal_last_success of a
	// lockspace. Values are kept as they came; their set changes between versions of sanlock.
	Fields    map[string]string
	Lockspace *Lockspace // of a StateLockspace, else nil
	Resource  *Resource  // of a StateResource, with its disks, else nil
}

// Status returns everything that the daemon tells about itself. It is answered from memory.
func (c Client) Status(ctx context.Context) ([]State, error) {
	cmd := command{op: "status", number: cmdStatus}
	rep, err := c.stream(ctx, cmd)
	if err != nil {
		return nil, err
	}
	states, err := parseStates(rep.payload)
	if err != nil {
		return nil, c.fail(cmd, KindProtocol, err)
	}
	return states, nil
}

// HostStatus returns one StateHost for each host id of the lockspace that the daemon has looked at, with details that
// GetHosts does not have (last_check, last_live, ...). It is answered from memory.
func (c Client) HostStatus(ctx context.Context, lockspace string) ([]State, error) {
	cmd, err := c.lockspaceCommand("host_status", cmdHostStatus, Lockspace{Name: lockspace})
	if err != nil {
		return nil, err
	}
	cmd.subject = lockspace
	rep, err := c.stream(ctx, cmd)
	if err != nil {
		return nil, err
	}
	states, err := parseStates(rep.payload)
	if err != nil {
		return nil, c.fail(cmd, KindProtocol, err)
	}
	return states, nil
}

// parseStates reads state records to the end of b.
func parseStates(b []byte) ([]State, error) {
	var states []State
	for len(b) > 0 {
		if len(b) < stateSize {
			return nil, fmt.Errorf("%w: state %d has %d bytes, want %d", errProtocol, len(states), len(b), stateSize)
		}
		s := State{
			Type: StateType(order.Uint32(b)), Flags: order.Uint32(b[4:]), Data32: order.Uint32(b[8:]),
			Data64: order.Uint64(b[16:]), Name: text(b[24:72]),
		}
		size := order.Uint32(b[72:])
		b = b[stateSize:]
		if uint64(size) > uint64(len(b)) {
			return nil, fmt.Errorf("%w: state %d has a text of %d bytes, %d are there", errProtocol, len(states), size, len(b))
		}
		s.Fields = words(text(b[:size]))
		b = b[size:]
		var err error
		if b, err = s.parseTail(b); err != nil {
			return nil, fmt.Errorf("state %d: %w", len(states), err)
		}
		states = append(states, s)
	}
	return states, nil
}

// parseTail reads the struct that follows some types of state and returns what is left.
func (s *State) parseTail(b []byte) ([]byte, error) {
	switch s.Type {
	case StateLockspace:
		l, err := parseLockspace(b)
		if err != nil {
			return nil, err
		}
		s.Lockspace = &l
		return b[lockspaceSize:], nil
	case StateResource:
		r, disks, err := parseResource(b)
		if err != nil {
			return nil, err
		}
		b = b[resourceSize:]
		if len(b) < disks*diskSize {
			return nil, fmt.Errorf("%w: %d bytes for %d disks, want %d", errProtocol, len(b), disks, disks*diskSize)
		}
		for i := range disks {
			r.Disks = append(r.Disks, parseDisk(b[i*diskSize:]))
		}
		s.Resource = &r
		return b[disks*diskSize:], nil
	}
	return b, nil
}

// words reads key=value pairs separated by blanks. A word without an equals sign is a key with an empty value.
func words(s string) map[string]string {
	fields := make(map[string]string)
	for _, word := range strings.Fields(s) {
		key, value, _ := strings.Cut(word, "=")
		fields[key] = value
	}
	return fields
}
