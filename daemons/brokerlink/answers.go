package brokerlink

import "github.com/holdfast-ha/holdfast/daemons/xmlrpc"

// Value returns the answer to get_view. Member names are snake_case, here and below.
func (v View) Value() xmlrpc.Struct { return structOf(v) }

// Value returns the answer to get_lanes.
func (l Lanes) Value() xmlrpc.Struct { return structOf(l) }

// Value returns the answer to get_health.
func (h Health) Value() xmlrpc.Struct { return structOf(h) }

// Value returns the answer to get_status.
func (s Status) Value() xmlrpc.Struct { return structOf(s) }

// Value returns the answer to put_stats_wait.
func (p PutAnswer) Value() xmlrpc.Struct { return structOf(p) }

// Value returns the answer to get_shared_file.
func (f SharedFile) Value() xmlrpc.Struct { return structOf(f) }

// DecodeView reads the answer to get_view. A missing or wrong member is an error that names it; unknown members, from a
// newer broker, are passed over. So it is with all of these.
func DecodeView(v any) (View, error) { return decode[View](v, "view") }

// DecodeLanes reads the answer to get_lanes.
func DecodeLanes(v any) (Lanes, error) { return decode[Lanes](v, "lanes") }

// DecodeHealth reads the answer to get_health.
func DecodeHealth(v any) (Health, error) { return decode[Health](v, "health") }

// DecodeStatus reads the answer to get_status.
func DecodeStatus(v any) (Status, error) { return decode[Status](v, "status") }

// DecodePutAnswer reads the answer to put_stats_wait.
func DecodePutAnswer(v any) (PutAnswer, error) { return decode[PutAnswer](v, "put_stats_wait") }

// DecodeSharedFile reads the answer to get_shared_file.
func DecodeSharedFile(v any) (SharedFile, error) { return decode[SharedFile](v, "shared file") }
