// Package scenarios holds the scenario files, and the tests that run them all on real servers in containers. Every file that
// lies here is run; docs/scenarios.md explains the language.
package scenarios
