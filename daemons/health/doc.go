// Package health is the table of everything that can be wrong with a Holdfast daemon, and the board on which a daemon
// notes what is wrong now.
//
// The table (Table) says for each warnable what it is called, how bad it is, which other one explains it, how long it
// must last before it is shown, and what to do about it. The same table feeds the RPC get_health, the log and the
// operator's command, so that all of them use one name for one trouble.
//
// The board (Board) is plain data: it reads no clock, can be copied with an assignment, and a copy can be stepped
// without changing the original. The broker's core keeps one.
package health
