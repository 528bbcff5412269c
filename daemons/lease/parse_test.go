package lease

import (
	"bytes"
	"errors"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestResultTellsErrnoFromItsOwnCodes(t *testing.T) {
	t.Parallel()
	require.ErrorIs(t, ErrAlreadyHeld, syscall.EEXIST)
	require.NotErrorIs(t, ErrHeldElsewhere, syscall.EEXIST)
	require.Equal(t, syscall.Errno(0), ErrHeldElsewhere.Errno())
	require.Equal(t, -243, ErrHeldElsewhere.Code())
	require.Equal(t, "lease is held by a living host (sanlock error -243)", ErrHeldElsewhere.Error())
	require.Equal(t, "no such device (sanlock error -19)", ErrNoDevice.Error())
	require.Equal(t, "sanlock error -999", Result(-999).Error())

	err := error(&Error{Op: "acquire", Subject: "a:b", Socket: "/s", Kind: KindResult, Err: ErrHeldElsewhere})
	require.ErrorIs(t, err, ErrHeldElsewhere)
	require.NotErrorIs(t, err, ErrHostIDHeld)
	result, ok := ResultOf(err)
	require.True(t, ok)
	require.Equal(t, ErrHeldElsewhere, result)
	_, ok = ResultOf(errors.New("other"))
	require.False(t, ok)
}

func TestParseHeld(t *testing.T) {
	t.Parallel()
	list, err := parseHeld(`ls:engine:/a\ b/c\:d:1048576:3 ls:two:/x:0:/y:4096:SH`)
	require.NoError(t, err)
	require.Equal(t, []Resource{
		{Lockspace: "ls", Name: "engine", Disks: []Disk{{Path: "/a b/c:d", Offset: 1 << 20}}, LVER: 3},
		{Lockspace: "ls", Name: "two", Disks: []Disk{{Path: "/x"}, {Path: "/y", Offset: 4096}}, Flags: ResourceShared},
	}, list)
	list, err = parseHeld("")
	require.NoError(t, err)
	require.Empty(t, list)
	for _, bad := range []string{"x", "a:b:c", "a:b:c:d:e", "a:b:/c:0:x", "a:b:/c:-1:1", "a:b:/c:0:/d:1"} {
		_, err := parseHeld(bad)
		require.ErrorIs(t, err, errProtocol, "text %q", bad)
	}
}

func TestGeometry(t *testing.T) {
	t.Parallel()
	flags, hosts, err := Geometry(4096, 8)
	require.NoError(t, err)
	require.Equal(t, Sector4096|Align8M, flags)
	require.Equal(t, 2000, hosts)
	_, _, err = Geometry(512, 2)
	require.ErrorContains(t, err, "512 bytes with 2 MiB")
}

// TestLockspaceRoundTrip: what is written is read back, for names of up to 48 bytes without a terminator.
func TestLockspaceRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := Lockspace{
			Name:   rapid.StringMatching(`[a-z_-]{0,48}`).Draw(t, "name"),
			Path:   rapid.StringMatching(`/[a-z/: ]{0,900}`).Draw(t, "path"),
			HostID: rapid.Uint64().Draw(t, "host id"),
			Offset: rapid.Uint64().Draw(t, "offset"),
			Flags:  Flags(rapid.Uint32().Draw(t, "flags")),
		}
		b, err := appendLockspace(nil, want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := parseLockspace(b)
		if err != nil || got != want || len(b) != lockspaceSize {
			t.Fatalf("got %+v (%v, %d bytes), want %+v", got, err, len(b), want)
		}
	})
}

// FuzzReply: whatever comes out of the socket, the parsers return, and what they return fits what was there.
func FuzzReply(f *testing.F) {
	lockspace, err := appendLockspace(nil, Lockspace{Name: "hosted-engine", HostID: 1, Path: "/x"})
	require.NoError(f, err)
	resource, err := appendResource(nil, Resource{Lockspace: "a", Name: "b", Disks: []Disk{{Path: "/x"}}}, true)
	require.NoError(f, err)
	state := func(typ StateType, text string, tail []byte) []byte {
		b := make([]byte, stateSize)
		order.PutUint32(b, uint32(typ))
		order.PutUint32(b[72:], uint32(len(text)))
		return append(append(b, text...), tail...)
	}
	for _, payload := range [][]byte{
		nil,
		lockspace,
		append(bytes.Clone(lockspace), lockspace...),
		make([]byte, 2*hostSize),
		append(bytes.Clone(resource[:resourceSize]), make([]byte, hostSize)...),
		[]byte("a:b:/c:0:1 d:e:/f\\ g:0:SH\x00"),
		append(state(StateDaemon, "our_host_name=x\x00", nil), state(StateLockspace, "a=b\x00", lockspace)...),
		state(StateResource, "token_id=1\x00", resource),
		make([]byte, callbackSize-headerSize),
	} {
		for _, count := range []uint32{0, 1, 2, 0xffffffff} {
			f.Add(append(header(cmdGetHosts, uint32(headerSize+len(payload)), 0, count), payload...))
		}
	}
	f.Add(header(cmdGetHosts, 0xffffffff, 0, 1))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		rep, err := readReply(bytes.NewReader(b))
		if err != nil {
			return
		}
		if len(rep.payload) > len(b) {
			t.Fatalf("payload of %d bytes from %d", len(rep.payload), len(b))
		}
		if list, err := parseLockspaces(rep.payload, rep.data2); err == nil && len(list) != int(rep.data2) {
			t.Fatalf("%d lockspaces, want %d", len(list), rep.data2)
		}
		if list, err := parseHosts(rep.payload, rep.data2); err == nil && len(list) != int(rep.data2) {
			t.Fatalf("%d hosts, want %d", len(list), rep.data2)
		}
		_, _ = parseLockspace(rep.payload)
		_, _, _ = parseOwners(rep.payload, rep.data2)
		_, _ = parseStates(rep.payload)
		if held, err := parseHeld(text(rep.payload)); err == nil {
			for _, r := range held {
				if len(r.Disks) == 0 || len(r.Disks) > MaxDisks {
					t.Fatalf("lease with %d disks from %q", len(r.Disks), strings.ToValidUTF8(string(rep.payload), "?"))
				}
			}
		}
		if len(rep.payload) >= callbackSize-headerSize {
			parseEvent(rep.payload)
		}
	})
}

// TestLockspaceStatusRefusesWhatItDoesNotKnow: a daemon whose words have changed is not taken for a healthy one.
func TestLockspaceStatusRefusesWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	fields := words("list=spaces renew_fail=0 space_dead=0 killing_pids=0 renewal_last_result=-202 renewal_last_success=77 io_timeout=10")
	s := State{Type: StateLockspace, Fields: fields, Lockspace: &Lockspace{Name: "x"}}
	status, err := s.lockspaceStatus()
	require.NoError(t, err)
	require.True(t, status.Safe())
	require.Equal(t, ErrIOTimeout, status.RenewalResult)
	require.InDelta(t, 77, status.Renewed.Seconds(), 0)
	for _, key := range []string{"renew_fail", "space_dead", "killing_pids"} {
		fields[key] = "1"
		status, err := s.lockspaceStatus()
		require.NoError(t, err)
		require.False(t, status.Safe(), "%s=1", key)
		fields[key] = "yes"
		_, err = s.lockspaceStatus()
		require.ErrorContains(t, err, key+`="yes"`)
		delete(fields, key)
		_, err = s.lockspaceStatus()
		require.ErrorContains(t, err, "has no "+key)
		fields[key] = "0"
	}
	fields["list"] = "rem"
	status, err = s.lockspaceStatus()
	require.NoError(t, err)
	require.True(t, status.Leaving())
}
