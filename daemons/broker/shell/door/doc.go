// Package door is where clients come in: listening Unix sockets with the name, mode and owner that they are meant to have,
// and the check of who is at the other end of a connection.
//
// A socket is made under a temporary name and renamed into place, so its path never leads to a socket that is not ready or
// too open, and a successor takes the path over from a process that cannot end.
//
// Users and groups are looked up in /etc/passwd and /etc/group only: the users meant here, root and vdsm, stand there, and
// a directory service that hangs must not keep a broker from starting.
package door
