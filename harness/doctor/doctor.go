// Package doctor finds out what this machine can do for the harness, what is missing, and how to get it.
package doctor

import "context"

// Capability is one thing that the harness may need.
type Capability struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Needed string `json:"needed"` // what needs it: "container tier", "vm tier", "tests", "images"; "" = nice to have
	Found  string `json:"found"`  // what was seen
	Cure   string `json:"cure,omitempty"`
}

// Examine probes the machine, within 15 s, and returns the capabilities in a fixed order.
func Examine(ctx context.Context) []Capability { return nil }
