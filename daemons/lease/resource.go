package lease

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

// resourceCommand builds a command that carries one resource and its disks.
func (c Client) resourceCommand(op string, number uint32, r Resource) (command, error) {
	cmd := command{op: op, subject: r.String(), number: number}
	var err error
	if cmd.payload, err = appendResource(nil, r, true); err != nil {
		return cmd, c.fail(cmd, KindRequest, err)
	}
	return cmd, nil
}

// WriteResource initialises the lease areas of r. The caller makes sure that nobody holds it. With unusable the area is
// made unfit for acquiring instead.
func (c Client) WriteResource(ctx context.Context, r Resource, unusable bool) error {
	cmd, err := c.resourceCommand("write_resource", cmdWriteResource, r)
	if err != nil {
		return err
	}
	if unusable {
		cmd.flags = 1
	}
	_, err = c.roundTrip(ctx, cmd)
	return err
}

// ReadResource reads a resource's lease from storage; r's names may be empty. The answer has r's disks.
func (c Client) ReadResource(ctx context.Context, r Resource) (Resource, error) {
	cmd, err := c.resourceCommand("read_resource", cmdReadResource, r)
	if err != nil {
		return Resource{}, err
	}
	rep, err := c.roundTrip(ctx, cmd)
	if err != nil {
		return Resource{}, err
	}
	found, _, err := parseResource(rep.payload)
	if err != nil {
		return Resource{}, c.fail(cmd, KindProtocol, err)
	}
	found.Disks = r.Disks
	return found, nil
}

// ReadResourceOwners reads from storage who holds r; its names must be given. It returns r's lease and no host at all
// when it is free. The hosts' IOTimeout and State are not filled in.
func (c Client) ReadResourceOwners(ctx context.Context, r Resource) (Resource, []Host, error) {
	cmd, err := c.resourceCommand("read_resource_owners", cmdReadResourceOwners, r)
	if err != nil {
		return Resource{}, nil, err
	}
	rep, err := c.roundTrip(ctx, cmd)
	if err != nil {
		return Resource{}, nil, err
	}
	found, hosts, err := parseOwners(rep.payload, rep.data2)
	if err != nil {
		return Resource{}, nil, c.fail(cmd, KindProtocol, err)
	}
	found.Disks = r.Disks
	return found, hosts, nil
}

func parseOwners(b []byte, count uint32) (Resource, []Host, error) {
	r, _, err := parseResource(b)
	if err != nil {
		return Resource{}, nil, err
	}
	hosts, err := parseHosts(b[resourceSize:], count)
	return r, hosts, err
}

// Inquire tells which leases the registered process pid holds. ErrNotRegistered when the daemon does not know it.
func (c Client) Inquire(ctx context.Context, pid int) ([]Resource, error) {
	cmd := command{op: "inquire", subject: "pid " + strconv.Itoa(pid), number: cmdInquire, data2: uint32(pid)}
	if pid <= 0 {
		return nil, c.fail(cmd, KindRequest, fmt.Errorf("pid %d, want 1 or more", pid))
	}
	rep, err := c.roundTrip(ctx, cmd)
	if err != nil {
		return nil, err
	}
	list, err := parseHeld(text(rep.payload))
	if err != nil {
		return nil, c.fail(cmd, KindProtocol, err)
	}
	return list, nil
}

// parseHeld reads sanlock's text LOCKSPACE:RESOURCE:PATH:OFFSET[:PATH:OFFSET...]:LVER, several of them separated by
// blanks. Blanks and colons inside a path are escaped with a backslash. A shared lease ends with SH instead of its
// version.
func parseHeld(s string) ([]Resource, error) {
	var list []Resource
	for _, item := range splitEscaped(s, ' ') {
		if item == "" {
			continue
		}
		fields := splitEscaped(item, ':')
		if len(fields) < 5 || len(fields)%2 == 0 || len(fields) > 3+2*MaxDisks {
			return nil, fmt.Errorf("%w: lease %q has %d fields, want LOCKSPACE:RESOURCE:PATH:OFFSET:LVER",
				errProtocol, item, len(fields))
		}
		r := Resource{Lockspace: unescape(fields[0]), Name: unescape(fields[1])}
		for i := 2; i+1 < len(fields); i += 2 {
			offset, err := strconv.ParseUint(fields[i+1], 10, 64)
			if err != nil {
				return nil, fmt.Errorf("%w: lease %q: offset %q is not a number", errProtocol, item, fields[i+1])
			}
			r.Disks = append(r.Disks, Disk{Path: unescape(fields[i]), Offset: offset})
		}
		if last := fields[len(fields)-1]; last == "SH" {
			r.Flags |= ResourceShared
		} else {
			var err error
			if r.LVER, err = strconv.ParseUint(last, 10, 64); err != nil {
				return nil, fmt.Errorf("%w: lease %q: version %q is not a number", errProtocol, item, last)
			}
		}
		list = append(list, r)
	}
	return list, nil
}

// splitEscaped splits s at each separator that no backslash precedes, and keeps the backslashes.
func splitEscaped(s string, separator byte) []string {
	var parts []string
	start := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case separator:
			parts = append(parts, s[start:i])
			start = i + 1
		}
	}
	return append(parts, s[start:])
}

// unescape removes one backslash before each escaped byte.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
