package scenario

// hostsOf lists the hosts that a statement names.
func hostsOf(statement Statement) []string {
	switch s := statement.(type) {
	case *EngineUp:
		return []string{s.On}
	case *AlwaysRPC:
		return []string{s.Host}
	case *AlwaysAgent:
		return []string{s.Host}
	case *AlwaysGrowth:
		return []string{s.Host}
	case *NeverStart:
		return []string{s.On}
	case *Inject:
		return []string{s.Fault.Host}
	case *Heal:
		if s.Fault != nil {
			return []string{s.Fault.Host}
		}
	case *Expect:
		return []string{ConditionHost(s.Condition)}
	case *Set:
		return []string{s.Via}
	case *Saw:
		return []string{ConditionHost(s.Condition)}
	case *Configure:
		return []string{s.Host}
	case *Stop:
		return []string{s.On}
	case *Kill:
		return []string{s.On}
	case *Start:
		return []string{s.On}
	case *Call:
		return []string{s.Host}
	case *Tell:
		return []string{s.Host}
	case *ClientLoad:
		return []string{s.Host}
	}
	return nil
}

// ConditionHost is the host that a condition looks at, "" for the disk.
func ConditionHost(condition Condition) string {
	switch c := condition.(type) {
	case LaneBlocked:
		return c.Host
	case Warns:
		return c.Host
	case Clear:
		return c.Host
	case Fresh:
		return c.Host
	case Lease:
		return c.Host
	case State:
		return c.Host
	case Updates:
		return c.Host
	case ViewMaintenance:
		return c.Host
	case Monitor:
		return c.Host
	case Metric:
		return c.Host
	case Mail:
		return c.Host
	case File:
		return c.Host
	case Mode:
		return c.Host
	}
	return ""
}
