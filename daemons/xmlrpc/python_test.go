package xmlrpc

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// python returns the interpreter, or skips the test loudly; in CI it fails.
func python(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("python3")
	if err != nil {
		if os.Getenv("CI") == "true" {
			require.FailNow(t, "python3 is missing: CI must test against Python's own XML-RPC; install it")
		}
		t.Skip("SKIPPED: python3 is missing, so interoperation with Python's XML-RPC is NOT tested; install python3")
	}
	return path
}

// TestPythonClientCallsOurServer runs upstream's kind of client; its checks are in testdata/client.py.
func TestPythonClientCallsOurServer(t *testing.T) {
	interpreter := python(t)
	s := NewServer(Options{})
	s.Handle("echo", echo)
	s.Handle("size", func(_ context.Context, args []any) (any, error) {
		if err := Count(args, 1); err != nil {
			return nil, err
		}
		n, err := Int(args[0], "size")
		return strings.Repeat("x", int(n)), err
	})
	s.Handle("fails", func(context.Context, []any) (any, error) { return "not this", errors.New("broken") })
	s.Handle("panics", func(context.Context, []any) (any, error) { panic("broken") })
	s.Handle("channel", func(context.Context, []any) (any, error) { return make(chan int), nil })
	s.Handle("faults", func(context.Context, []any) (any, error) { return nil, &Fault{42, "a <fault> & more"} })
	s.Handle("pieces", func(context.Context, []any) (any, error) {
		kept := Raw{encoded(t, []byte(strings.Repeat("k", 1000)))}
		return Struct{{"1", kept}, {"2", kept}, {"3", "fresh"}}, nil
	})
	socket := serve(t, s)

	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, interpreter, "testdata/client.py", socket).CombinedOutput()
	require.NoError(t, err, "client.py:\n%s", out)
	require.Equal(t, "done\n", string(out), "checks that failed in client.py")
	require.Eventually(t, func() bool { return s.Stats().Clients == 0 }, 10*time.Second, 10*time.Millisecond,
		"clients left after the last call")
}

// pythonServer starts Python's own server and ends it with the test.
func pythonServer(t *testing.T) *Client {
	t.Helper()
	interpreter := python(t)
	socket := socketPath(t)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	cmd := exec.CommandContext(ctx, interpreter, "testdata/server.py", socket)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		stdin.Close()
		_ = cmd.Wait()
		cancel()
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "ready\n", line)
	return NewClient(socket, 20*time.Second)
}

func TestOurClientCallsPythonServer(t *testing.T) {
	c := pythonServer(t)
	ctx := t.Context()
	for _, v := range []any{
		nil, true, false, int64(0), int64(-5), int64(1<<31 - 1), 0.8, 1.0, -1e300, 0.1 + 0.2, "", " blanks ", "a<b>&c]]>",
		"tab\tline\nend", "grüß 日本 😀",
		[]byte{},
		[]byte("data"), make([]byte, 4096),
		[]any{},
		[]any{int64(1), []any{nil, "x"}},
		Struct{},
		Struct{{"z", int64(1)}, {"a", nil}, {"m", []any{true}}},
	} {
		got, err := c.Call(ctx, "echo", v)
		require.NoError(t, err, "echo of %#v", v)
		require.Equal(t, []any{v}, got)
	}
	for _, tc := range []struct {
		args []any
		want string
	}{
		{[]any{int64(1 << 40), int64(-1 << 40)}, "(1099511627776, -1099511627776)"},
		{[]any{2.0}, "(2.0,)"},
		{[]any{[]int{1, 3}}, "([1, 3],)"},
		{[]any{map[string]any{"b": 1, "a": nil}}, "({'a': None, 'b': 1},)"},
		{[]any{"return\rend"}, `('return\rend',)`}, // Python's own replies would lose it
		{nil, "()"},
	} {
		got, err := c.Call(ctx, "repr", tc.args...)
		require.NoError(t, err)
		require.Equal(t, tc.want, got, "how Python sees %#v", tc.args)
	}
	got, err := c.Call(ctx, "size", 100_000)
	require.NoError(t, err)
	require.Len(t, got, 100_000)
	got, err = c.Call(ctx, "get_stats")
	require.NoError(t, err)
	one, ok := got.(Struct).Get("1")
	require.True(t, ok)
	require.Len(t, one, 4096)
	got, err = c.Call(ctx, "fails")
	require.NoError(t, err)
	require.Nil(t, got)
}

func TestOurClientUnderstandsPythonFaults(t *testing.T) {
	c := pythonServer(t)
	var fault *Fault
	_, err := c.Call(t.Context(), "nosuch")
	require.ErrorAs(t, err, &fault)
	require.Equal(t, *NotSupported("nosuch"), *fault)
	_, err = c.Call(t.Context(), "raises")
	require.ErrorAs(t, err, &fault)
	require.Contains(t, fault.String, "ZeroDivisionError")
}

func TestOurCallIsPythonsToTheByte(t *testing.T) {
	const program = `
import sys, xmlrpc.client as x
args = (1, "a<b>&c", None, 0.8, True, x.Binary(bytes(100)), [1, "x"], {"k": [], "s": {}})
sys.stdout.write(x.dumps(args, "m", allow_none=True))`
	want, err := exec.CommandContext(t.Context(), python(t), "-c", program).Output()
	require.NoError(t, err)
	got, err := MarshalCall("m", 1, "a<b>&c", nil, 0.8, true, make([]byte, 100), []any{1, "x"}, Struct{{"k", []any{}}, {"s", Struct{}}})
	require.NoError(t, err)
	require.Equal(t, string(want), string(got))
}
