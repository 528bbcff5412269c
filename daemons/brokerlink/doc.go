// Package brokerlink is the client side of the HA broker's RPC, and the
// definition of what the newer methods (get_view, get_status, get_lanes, ...) send.
//
// The broker encodes with the Value methods of the wire types; clients
// decode with DecodeView and the like. New data travels in new
// methods only: upstream's clients convert every key of get_stats to an integer,
// so nothing may be added there.
//
// Every call has a deadline (S17: upstream's agent has none, so a blocked broker
// freezes it) and a connection of its own.
package brokerlink
