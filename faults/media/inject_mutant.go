//go:build mutant_noopfault

package media

const noopFault = true
