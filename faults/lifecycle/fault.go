// Package lifecycle is the life cycle that every fault goes through, and the guard that holds it to the order.
//
//	        Setup         Inject          Prove           Heal           ProveGone        Cleanup
//	new ----------> ready -------> injected ----> proven ------> healed ----------> gone ---------> clean
//	                  |  ^            |                            ^  ^                              ^
//	                  |  +- refused --+------------- Heal ---------+  +-- Heal, ProveGone again      |
//	                  +----------------------------- Cleanup ----------------------------------------+
//
// A step that fails leaves the fault where it was, with two exceptions that err on the safe side: an Inject that failed may
// have taken hold half-way, so the fault counts as injected and must be healed; and a fault that Prove refused stays injected,
// which a judge reads as INVALID. Heal may be repeated: healing is idempotent. Cleanup is refused while the fault may be in effect.
//
// Prove looks at the fault itself and never at the victim. Otherwise a victim that misbehaves for a reason of its own would
// pass for a fault that works.
package lifecycle

import "context"

// Fault is one thing that can be broken and mended. Every method honours its context's deadline. A Fault need not be safe for
// concurrent use: Guarded makes one call at a time.
type Fault interface {
	// Setup prepares what Inject needs and changes nothing that the victim can notice.
	Setup(ctx context.Context) error
	// Inject puts the fault into effect. After an error it may be half in effect: Heal must cope.
	Inject(ctx context.Context) error
	// Prove says how it is known that the fault is in effect; an error means that this is not known.
	Prove(ctx context.Context) (proof string, err error)
	// Heal ends the fault. It is idempotent and works after an Inject that failed.
	Heal(ctx context.Context) error
	// ProveGone says how it is known that the fault has ended.
	ProveGone(ctx context.Context) (proof string, err error)
	// Cleanup removes what Setup made. It is idempotent.
	Cleanup(ctx context.Context) error
	// String prints the words of the scenario that make this fault, without the verb's end: "hang media op=write".
	String() string
}
