// Package child runs other programs, and is the only place in the daemons that does.
//
// A child gets its arguments as they are (there is no shell), a clean environment, "/" as its working directory, a
// session and process group of its own, a deadline, and room for so much output and no more. At the deadline the whole
// group is killed. A child that does not die then, because it is inside a kernel call that does not return, is
// abandoned: Run returns, and all that is left is one goroutine without a thread that collects the child should it
// ever end. A Ward keeps count of those and does not let the same command be started beside a stuck one.
//
// Executing a program waits for its file, with a lock of the Go runtime held that every other start of a program
// needs. So a program on shared storage is refused, without touching that storage; see the error ErrRemote.
//
// Errors name the program, never its arguments: those may hold a password.
package child
