package brokerlink

import "github.com/holdfast-ha/holdfast/daemons/xmlrpc"

// Value returns the answer to get_view. Member names are snake_case.
func (v View) Value() xmlrpc.Struct {
	segments := make([]any, len(v.Segments))
	for i, s := range v.Segments {
		segments[i] = xmlrpc.Struct{
			{Name: "host_id", Value: s.HostID},
			{Name: "data", Value: notNil(s.Data)},
			{Name: "source", Value: s.Source},
			{Name: "age", Value: s.Age},
			{Name: "pending", Value: s.Pending},
			{Name: "durable", Value: s.Durable},
			{Name: "durable_age", Value: s.DurableAge},
		}
	}
	return xmlrpc.Struct{
		{Name: "now", Value: v.Now},
		{Name: "read_age", Value: v.ReadAge},
		{Name: "segments", Value: segments},
		{Name: "lease", Value: xmlrpc.Struct{
			{Name: "state", Value: v.Lease.State},
			{Name: "host_id", Value: v.Lease.HostID},
			{Name: "since", Value: v.Lease.Since},
			{Name: "age", Value: v.Lease.Age},
			{Name: "detail", Value: v.Lease.Detail},
		}},
		{Name: "storage", Value: v.Storage},
	}
}

func notNil(data []byte) []byte {
	if data == nil {
		return []byte{}
	}
	return data
}

// Value returns the answer to get_lanes. Member names are snake_case.
func (l Lanes) Value() xmlrpc.Struct {
	lanes := make([]any, len(l.Lanes))
	for i, v := range l.Lanes {
		lanes[i] = xmlrpc.Struct{
			{Name: "name", Value: v.Name},
			{Name: "tid", Value: v.TID},
			{Name: "busy", Value: v.Busy},
			{Name: "op", Value: v.Op},
			{Name: "segment", Value: v.Segment},
			{Name: "since", Value: v.Since},
			{Name: "blocked_for", Value: v.BlockedFor},
			{Name: "stalled", Value: v.Stalled},
			{Name: "completed", Value: v.Completed},
			{Name: "failed", Value: v.Failed},
		}
	}
	return xmlrpc.Struct{{Name: "now", Value: l.Now}, {Name: "lanes", Value: lanes}}
}

// Value returns the answer to get_health. Member names are snake_case.
func (h Health) Value() xmlrpc.Struct {
	warnings := make([]any, len(h.Warnings))
	for i, w := range h.Warnings {
		warnings[i] = xmlrpc.Struct{
			{Name: "code", Value: w.Code},
			{Name: "title", Value: w.Title},
			{Name: "severity", Value: w.Severity},
			{Name: "detail", Value: w.Detail},
			{Name: "remedy", Value: w.Remedy},
			{Name: "since", Value: w.Since},
			{Name: "age", Value: w.Age},
		}
	}
	return xmlrpc.Struct{
		{Name: "now", Value: h.Now},
		{Name: "ok", Value: h.OK},
		{Name: "uptime", Value: h.Uptime},
		{Name: "warnings", Value: warnings},
	}
}
