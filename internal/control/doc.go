// Package control carries [fleet.Desk], which is everything that an operator can do, over a Unix socket that only the daemon's own user
// can open. The daemon has the [Server], commands have the [Client], and whoever holds a Desk cannot tell the two ends apart: errors keep
// their kind on the way (package kinds).
//
// # Who may connect
//
// The socket's mode is 0600 before anybody can connect: it is bound, made private, and only then listened on. On Linux both ends ask the
// kernel besides who the other one is: the server answers its own user and root only, and a client talks to the owner of the socket only.
// The folder is the way in, so one that other users can write to is refused, unless it has the sticky bit, as /tmp has.
//
// # Who may listen
//
// One daemon at a time, by a lock on a file beside the socket, which the kernel gives back when the process ends, however it ends. Whoever
// holds the lock may take away the socket of a dead daemon; one that answers is never taken away.
//
// # On the wire
//
// HTTP with JSON inside: POST /v1/METHOD. Bodies are bounded, and so is the time for them; a call itself takes as long as its Desk needs,
// and ends when the caller goes away. Nothing that a Desk says holds a secret.
package control
