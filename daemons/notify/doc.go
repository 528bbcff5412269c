// Package notify tells operators by mail what agents report, such as the state transitions of a host.
//
// A Courier takes notices and sends them from a lane of its own, ha-notify, so that a mail server that is slow, silent
// or dead is noticed nowhere else (S31). Offer decides from memory whether a rule asks for a notice; what it queued is
// tried until the mail server takes it, a server's final refusal, or a number of attempts. The queue is bounded and
// lives in memory: what was not sent when the broker ends is lost.
//
// The rules and the mail server stand in broker.conf, the texts beside it in one template for each event. Both are
// local files, read again every few seconds and before each attempt. A file with an error changes nothing: the last good
// one stays in force, and State says what is wrong.
//
// The parts without any I/O are Config (rules), Template, Message and Queue; the rest is a thin shell.
package notify
