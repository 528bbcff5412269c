// Package vdsm runs the engine as a virtual machine of VDSM. It is the driver of real hosts.
//
// Status asks VDSM each time and compares the answer with the newest event about the machine: an event tells of a
// change at once, and can overtake an answer that is under way. Which of the two is newer is told by VDSM's own times,
// compared as numbers, or by this machine's clock when VDSM gave none. Upstream compares them as texts, so its view
// freezes when the number gets an eleventh digit, and at once when a time is missing (S23). Here no event outweighs
// an answer that was asked for much later, whatever the times say.
package vdsm
