package agent

// guardKind is a condition that is checked before a state's own logic.
type guardKind int

const (
	guardBlind guardKind = iota
	guardGlobal
	guardLocal
	guardUnknown
)

// guard checks the conditions in the given order; the first one that is met decides. Blindness comes before all that
// is known from the whiteboard, so global maintenance is not looked at: what it was is out of date, and a blind host does
// nothing anyway. Local maintenance is known without the whiteboard and is followed at once, because token 7 of the record
// must go on saying it.
func guard(s Situation, kinds ...guardKind) (Decision, bool) {
	for _, kind := range kinds {
		switch {
		case kind == guardBlind && s.Blind && s.LocalMaintenance:
			return wait(LocalMaintenance, "local maintenance is set"), true
		case kind == guardBlind && s.Blind:
			return wait(StorageBlind, "the view of the cluster is too old"), true
		case kind == guardGlobal && s.GlobalMaintenance:
			return wait(GlobalMaintenance, "global maintenance is set"), true
		case kind == guardLocal && s.LocalMaintenance:
			return wait(LocalMaintenance, "local maintenance is set"), true
		case kind == guardUnknown && s.Local.VM == vmUnknown:
			return wait(UnknownLocalVMState, "it is not known whether the engine VM runs here"), true
		}
	}
	return Decision{}, false
}

// wait ends the turn in the state next.
func wait(next State, reason string) Decision {
	return Decision{Next: next, Wait: true, Reason: reason}
}

// at goes on to the state next within the same turn.
func at(next State, reason string) Decision { return Decision{Next: next, Reason: reason} }
