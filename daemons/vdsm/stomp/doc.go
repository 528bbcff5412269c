// Package stomp is the part of STOMP 1.2 that VDSM speaks: frames, their escapes, their limits. It knows no connection
// and no meaning of a frame.
//
// A frame is a command line, header lines "name:value", an empty line, a body and a zero byte. Between frames a peer may
// send lone newlines: heart-beats. Like VDSM, and unlike the letter of STOMP 1.2, it escapes headers in CONNECT and
// CONNECTED too; VDSM refuses a bare colon in a value.
//
// Whatever arrives is bounded before it is kept: lines, headers, body. A frame that breaks a rule ends the stream,
// because there is no telling where the next one begins.
package stomp
