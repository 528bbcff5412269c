package monitor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Names of the types in start_monitor.
const (
	NetworkType = "network"
	PingType    = "ping" // as agents of version 4.2 call it
)

// pingTimeout is the type ping's, upstream's 4.2.
const pingTimeout = 2 * time.Second

// NetworkSettings are what the options of a submonitor do not say. The zero value is upstream's.
type NetworkSettings struct {
	Timeout time.Duration // of one test, if the options are silent; default 5 s
	Delay   time.Duration // between two tests, if the options are silent; default 0.5 s
	// PingProgram is what runs for a ping test; default ping, looked for in the usual directories.
	PingProgram string
	// ResolvConf is the file that lists the nameservers; default /etc/resolv.conf.
	ResolvConf string
}

func (s NetworkSettings) withDefaults() NetworkSettings {
	if s.Timeout <= 0 {
		s.Timeout = 5 * time.Second
	}
	if s.Delay <= 0 {
		s.Delay = 500 * time.Millisecond
	}
	if s.PingProgram == "" {
		s.PingProgram = "ping"
	}
	if s.ResolvConf == "" {
		s.ResolvConf = "/etc/resolv.conf"
	}
	return s
}

// Network returns the type network: how much of the network works? The text is the share of successful tests in this
// turn, "0.0" to "1.0"; "1.0" before the first turn as upstream says it, "0.0" when it is not known.
//
// Options: network_test is ping (also when empty), dns, tcp or none; addr is whom to ping; tcp_t_address and tcp_t_port
// are whom to connect to; timeout, count (5) and delay, in seconds.
func Network(s NetworkSettings, interval time.Duration) Kind {
	s = s.withDefaults()
	return networkKind(NetworkType, s, interval, func(o Options) (networkTest, error) {
		name, err := o.text("network_test")
		if err != nil {
			return nil, err
		}
		switch name {
		case "", "ping":
			return newPing(o, s)
		case "dns":
			return dnsTest{resolvConf: s.ResolvConf}, nil
		case "tcp":
			return newTCP(o)
		case "none":
			return noTest{}, nil
		}
		return nil, fmt.Errorf("option network_test is %q; known are ping, dns, tcp, none", name)
	})
}

// Ping returns the type ping, which agents of version 4.2 start: network with a ping test, a time limit of 2 s unless
// the options say otherwise.
func Ping(s NetworkSettings, interval time.Duration) Kind {
	s = s.withDefaults()
	s.Timeout = pingTimeout
	return networkKind(PingType, s, interval, func(o Options) (networkTest, error) { return newPing(o, s) })
}

func networkKind(typ string, s NetworkSettings, interval time.Duration, test func(Options) (networkTest, error)) Kind {
	return Kind{
		Type: typ, Interval: interval, Deadline: interval, // the action's own pace counts
		New: func(o Options) (Action, error) {
			n := &network{}
			count, err := o.number("count", 5, 1, 100)
			if err != nil {
				return nil, err
			}
			n.count = int(count)
			if n.timeout, err = o.duration("timeout", s.Timeout, 10*time.Millisecond, time.Minute); err != nil {
				return nil, err
			}
			if n.delay, err = o.duration("delay", s.Delay, 0, time.Minute); err != nil {
				return nil, err
			}
			if n.test, err = test(o); err != nil {
				return nil, err
			}
			return n, nil
		},
		Unknown: func(string) string { return "0.0" },
		Initial: "1.0",
	}
}

// networkTest is one way to test the network.
type networkTest interface {
	// try tests once. It ends a little after timeout at the latest, and when ctx does. An error that wraps
	// errCannotTest says that the test could not be made; any other that the network failed it.
	try(ctx context.Context, timeout time.Duration) error
}

var errCannotTest = errors.New("the test cannot be made")

// testSlack is what a test may take beyond its timeout, to start a program and to end it.
const testSlack = time.Second

type network struct {
	test           networkTest
	count          int
	timeout, delay time.Duration
}

// Pace gives each test its time.
func (n *network) Pace() Pace {
	return Pace{Deadline: time.Duration(n.count)*(n.timeout+testSlack+n.delay) + 2*testSlack}
}

// Measure makes count tests with a pause between them.
func (n *network) Measure(ctx context.Context) (string, error) {
	good := 0
	for i := range n.count {
		if i > 0 {
			if err := pause(ctx, n.delay); err != nil {
				return "", err
			}
		}
		err := n.test.try(ctx, n.timeout)
		switch {
		case err == nil:
			good++
		case ctx.Err() != nil:
			return "", context.Cause(ctx)
		case errors.Is(err, errCannotTest):
			return "", err
		}
	}
	return float(float64(good) / float64(n.count)), nil
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// noTest always succeeds.
type noTest struct{}

func (noTest) try(context.Context, time.Duration) error { return nil }

// host returns an option that names a host: an address or a name, never something that a program could take for an
// option or that no host can be called.
func host(o Options, name string) (string, error) {
	value, err := o.text(name)
	switch {
	case err != nil:
		return "", err
	case value == "":
		return "", fmt.Errorf("option %s is required for this test", name)
	case len(value) > 255, value[0] == '-', strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r >= 0x7f }):
		return "", fmt.Errorf("option %s is %q, which is no host's name or address", name, value)
	}
	return value, nil
}
