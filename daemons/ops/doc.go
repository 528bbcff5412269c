// Package ops is the broker's side door for operators and their tools: HTTP with JSON on a local socket, described by an
// OpenAPI file that it serves itself.
//
//	GET /v1/status        everything about the broker that is not the whiteboard
//	GET /v1/view          the whiteboard and the lease, with ages
//	GET /v1/lanes         what each lane is doing
//	GET /v1/health        what is wrong, since when, what to do
//	GET /v1/watch         one JSON line for each change, as long as the reader keeps up
//	GET /v1/openapi.json  the description of all this
//	GET /metrics          for Prometheus
//	GET /debug/pprof/     Go's profiles
//
// Everything is answered from memory and by its own connections: nothing here waits for storage, and nobody in the broker
// waits for what is here. A reader that does not read is cut.
package ops
