// Package xmlrpc speaks XML-RPC over a Unix stream socket: the protocol between
// the HA broker and its clients.
//
// It interoperates in both directions with Python 3's xmlrpc.client and
// xmlrpc.server as oVirt's hosted-engine HA uses them: nil allowed, base64 with
// line breaks, long integers as i8, one request per connection, gzip replies
// only when the client asks for them and the body is longer than 1400 bytes.
//
// Unlike upstream's server, which serves one request at a time (S1), each
// connection has its own goroutine, a limit on its size, depth and duration,
// and the number of clients is limited.
package xmlrpc
