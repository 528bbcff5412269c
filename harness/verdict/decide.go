package verdict

import (
	"fmt"
	"strings"
)

// Evidence is what the verdict follows from.
type Evidence struct {
	// Missing is what this machine lacks, each with how to get it. Anything here means SKIP.
	Missing []string
	// Trouble is why the harness itself could not go on (the cluster did not come up, Ctrl-C). Anything here means INVALID.
	Trouble string
	Faults  []Fault
	Claims  []Claim
	// Unproven is why the fault that ended the run was not proven; for the reason's text.
	Unproven string
}

// Decide returns the verdict and its reason, one line. In this order:
//
//   - SKIP: something is missing.
//   - INVALID: the harness had trouble, or a fault was injected and not proven, or healed and not proven gone. What the
//     claims say then was not measured under what the scenario says, so it counts neither way; broken ones are named.
//   - FAIL: a claim broke.
//   - INVALID: a coverage goal was not met.
//   - PASS.
func Decide(e Evidence) (Outcome, string) {
	var broken, missed []string
	for _, c := range e.Claims {
		switch {
		case c.OK:
		case c.Goal:
			missed = append(missed, fmt.Sprintf("line %d: %s: %s", c.Line, c.Text, orWord(c.Detail, "never seen")))
		default:
			broken = append(broken, fmt.Sprintf("line %d: %s: %s", c.Line, c.Text, orWord(c.Detail, "it broke")))
		}
	}
	besides := ""
	if len(broken) > 0 {
		besides = fmt.Sprintf(" (besides, %s)", some(broken))
	}
	if len(e.Missing) > 0 {
		return Skip, "missing: " + oneLine(strings.Join(e.Missing, "; "))
	}
	if e.Trouble != "" {
		return Invalid, oneLine(e.Trouble + besides)
	}
	for _, f := range e.Faults {
		if why := unproven(f, e.Unproven); why != "" {
			return Invalid, oneLine(fmt.Sprintf("line %d: %s of %s: %s%s", f.Line, f.Kind, f.Target, why, besides))
		}
	}
	switch {
	case len(broken) > 0:
		return Fail, oneLine(some(broken))
	case len(missed) > 0:
		return Invalid, oneLine("a coverage goal was not met: " + some(missed))
	}
	return Pass, fmt.Sprintf("%s proven and gone again, %s held", count(len(e.Faults), "fault"), count(len(e.Claims), "claim"))
}

// unproven says what a fault's life lacks, "" when it is whole.
func unproven(f Fault, why string) string {
	if why != "" {
		why = ": " + why
	}
	switch {
	case f.InjectedS == nil:
		return "the fault could not be injected" + why
	case f.ProvenS == nil:
		return "the fault was not proven" + why
	case f.HealedS == nil:
		return "the fault could not be healed" + why
	case f.GoneS == nil:
		return "the fault was not proven gone after healing" + why
	}
	return ""
}

// some prints the first entry and how many there are besides.
func some(list []string) string {
	if len(list) == 1 {
		return list[0]
	}
	return fmt.Sprintf("%s (and %d more)", list[0], len(list)-1)
}

func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

func orWord(text, other string) string {
	if text == "" {
		return other
	}
	return text
}

// oneLine keeps a reason on one line.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// Worst returns the outcome that the exit code of several runs follows: FAIL before INVALID before SKIP before PASS.
// Without any run it is SKIP.
func Worst(outcomes ...Outcome) Outcome {
	worst := Skip
	if len(outcomes) > 0 {
		worst = Pass
	}
	rank := map[Outcome]int{Pass: 0, Skip: 1, Invalid: 2, Fail: 3}
	for _, o := range outcomes {
		r, known := rank[o]
		if !known {
			o, r = Invalid, rank[Invalid]
		}
		if r > rank[worst] {
			worst = o
		}
	}
	return worst
}
