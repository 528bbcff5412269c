package brokerlink

import (
	"fmt"

	"github.com/holdfast-ha/holdfast/daemons/xmlrpc"
)

// DecodeView reads the answer to get_view. A missing or wrong member is an
// error that names it; unknown members, from a newer broker, are passed over.
func DecodeView(v any) (View, error) {
	r := &reader{}
	top := r.members(v, "view")
	view := View{
		Now:     r.float(top, "now"),
		ReadAge: r.float(top, "read_age"),
		Storage: r.text(top, "storage"),
	}
	for _, s := range r.array(top, "segments") {
		view.Segments = append(view.Segments, SegmentView{
			HostID:     r.int(s, "host_id"),
			Data:       r.data(s, "data"),
			Source:     r.text(s, "source"),
			Age:        r.float(s, "age"),
			Pending:    r.bool(s, "pending"),
			Durable:    r.bool(s, "durable"),
			DurableAge: r.float(s, "durable_age"),
		})
	}
	lease := r.members(r.get(top, "lease"), "view.lease")
	view.Lease = LeaseView{
		State:  r.text(lease, "state"),
		HostID: r.int(lease, "host_id"),
		Since:  r.float(lease, "since"),
		Age:    r.float(lease, "age"),
		Detail: r.text(lease, "detail"),
	}
	return view, r.err
}

// DecodeLanes reads the answer to get_lanes. Errors as in DecodeView.
func DecodeLanes(v any) (Lanes, error) {
	r := &reader{}
	top := r.members(v, "lanes")
	lanes := Lanes{Now: r.float(top, "now")}
	for _, s := range r.array(top, "lanes") {
		lanes.Lanes = append(lanes.Lanes, LaneView{
			Name:       r.text(s, "name"),
			TID:        r.int(s, "tid"),
			Busy:       r.bool(s, "busy"),
			Op:         r.text(s, "op"),
			Segment:    r.int(s, "segment"),
			Since:      r.float(s, "since"),
			BlockedFor: r.float(s, "blocked_for"),
			Stalled:    r.bool(s, "stalled"),
			Completed:  r.int(s, "completed"),
			Failed:     r.int(s, "failed"),
		})
	}
	return lanes, r.err
}

// DecodeHealth reads the answer to get_health. Errors as in DecodeView.
func DecodeHealth(v any) (Health, error) {
	r := &reader{}
	top := r.members(v, "health")
	health := Health{Now: r.float(top, "now"), OK: r.bool(top, "ok"), Uptime: r.float(top, "uptime")}
	for _, s := range r.array(top, "warnings") {
		health.Warnings = append(health.Warnings, Warning{
			Code:     r.text(s, "code"),
			Title:    r.text(s, "title"),
			Severity: r.text(s, "severity"),
			Detail:   r.text(s, "detail"),
			Remedy:   r.text(s, "remedy"),
			Since:    r.float(s, "since"),
			Age:      r.float(s, "age"),
		})
	}
	return health, r.err
}

// reader takes members out of structs and keeps the first error.
type reader struct{ err error }

// node is a struct and its place in the answer, for errors.
type node struct {
	s    xmlrpc.Struct
	path string
}

func (r *reader) keep(err error) {
	if r.err == nil {
		r.err = err
	}
}

func (r *reader) get(n node, name string) any {
	v, ok := n.s.Get(name)
	if !ok {
		r.keep(&xmlrpc.ArgumentError{What: n.path + "." + name, Want: "a value", Got: "no such member"})
	}
	return v
}

func take[T any](r *reader, n node, name string, as func(any, string) (T, error)) T {
	t, err := as(r.get(n, name), n.path+"."+name)
	if err != nil {
		r.keep(err)
	}
	return t
}

func (r *reader) members(v any, path string) node {
	s, err := xmlrpc.Members(v, path)
	if err != nil {
		r.keep(err)
	}
	return node{s, path}
}

func (r *reader) array(n node, name string) []node {
	items := take(r, n, name, xmlrpc.Array)
	nodes := make([]node, len(items))
	for i, item := range items {
		nodes[i] = r.members(item, fmt.Sprintf("%s.%s[%d]", n.path, name, i))
	}
	return nodes
}

func (r *reader) float(n node, name string) float64 { return take(r, n, name, xmlrpc.Float) }
func (r *reader) int(n node, name string) int       { return int(take(r, n, name, xmlrpc.Int)) }
func (r *reader) bool(n node, name string) bool     { return take(r, n, name, xmlrpc.Bool) }
func (r *reader) text(n node, name string) string   { return take(r, n, name, xmlrpc.Text) }
func (r *reader) data(n node, name string) []byte   { return take(r, n, name, xmlrpc.Data) }
