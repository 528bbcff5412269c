package monitor

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Names of the types in start_monitor.
const (
	BridgeType  = "mgmt-bridge"
	MemFreeType = "mem-free"
)

// HostFacts tell about this host: VDSM's Host.getStats where it is used, else Kernel. Calls are bounded by their
// context; an error means not known.
type HostFacts interface {
	// BridgeUp says whether a network is up; an error also if there is no such network.
	BridgeUp(ctx context.Context, name string) (bool, error)
	// MemFree is the memory, in MiB, that a new VM could use.
	MemFree(ctx context.Context) (int64, error)
}

// Bridge returns the type mgmt-bridge: is the management network up? The text is "True", "False", or "None" when that
// is not known. The option bridge_name is required.
func Bridge(facts HostFacts, interval, deadline time.Duration) Kind {
	return Kind{
		Type: BridgeType, Interval: interval, Deadline: deadline,
		New: func(o Options) (Action, error) {
			name, err := o.required("bridge_name")
			if err != nil {
				return nil, err
			}
			if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\x00 \t\n") {
				return nil, fmt.Errorf("option bridge_name is %q, which is no network's name", name)
			}
			return bridge{facts, name}, nil
		},
		Unknown: none,
	}
}

type bridge struct {
	facts HostFacts
	name  string
}

// Measure asks for the state of the bridge.
func (b bridge) Measure(ctx context.Context) (string, error) {
	isUp, err := b.facts.BridgeUp(ctx, b.name)
	switch {
	case err != nil:
		return "", fmt.Errorf("state of network %s: %w", b.name, err)
	case isUp:
		return "True", nil
	}
	return "False", nil
}

// MemFree returns the type mem-free: how much memory is free? The text is a number of MiB, or "None" when that is not
// known.
func MemFree(facts HostFacts, interval, deadline time.Duration) Kind {
	return Kind{
		Type: MemFreeType, Interval: interval, Deadline: deadline,
		New:     func(Options) (Action, error) { return memFree{facts}, nil },
		Unknown: none,
	}
}

type memFree struct{ facts HostFacts }

// Measure asks for the free memory.
func (m memFree) Measure(ctx context.Context) (string, error) {
	free, err := m.facts.MemFree(ctx)
	if err != nil {
		return "", fmt.Errorf("free memory: %w", err)
	}
	return strconv.FormatInt(free, 10), nil
}
