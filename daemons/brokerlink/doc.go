// Package brokerlink is the client side of the HA broker's RPC, and the
// definition of what the newer methods (get_view, get_lanes, get_health) send.
//
// The broker encodes with View.Value, Lanes.Value and Health.Value; clients
// decode with DecodeView, DecodeLanes and DecodeHealth. New data travels in new
// methods only: upstream's clients convert every key of get_stats to an integer,
// so nothing may be added there.
//
// Every call has a deadline (S17: upstream's agent has none, so a blocked broker
// freezes it) and a connection of its own.
package brokerlink
