// Package vdsm is a client of VDSM, oVirt's agent for hosts and virtual machines: JSON-RPC 2.0 in STOMP frames over TLS.
//
// A Client has one connection. It is made when the first call needs it and made again when it is lost; calls share it,
// many at a time, and each ends at its own deadline, whatever VDSM does. A call that was under way when the connection
// was lost is not sent again, because nobody knows whether VDSM carried it out.
//
// # A server that does not answer
//
// Freezing costs nothing but the calls' own time. VDSM is asked for heart-beats; when one and a half periods pass in
// silence the connection is dropped. When a call has met its deadline the client pings; without an answer the
// connection is dropped too. A connection attempt has a deadline, only one is under way at a time, and a failed one is
// not repeated at once: calls that come meanwhile fail at once with its error.
//
// # A server that recovers
//
// After its own restart VDSM answers everything with code 99, and has then carried out nothing. Such a call is
// repeated until its deadline.
//
// # Events
//
// Watch receives VDSM's notifications, among them a virtual machine's changes of status. Once something watches, the
// connection is kept without calls too.
package vdsm
