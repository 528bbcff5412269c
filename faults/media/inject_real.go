//go:build !mutant_noopfault

package media

// noopFault is the mutant that the harness is tested with: a media fault whose Inject does nothing. A scenario that uses it must end
// INVALID, because Prove finds nothing.
const noopFault = false
