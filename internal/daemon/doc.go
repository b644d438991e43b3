// Package daemon is the life of `keyturn serve` around a [fleet.Keeper]: it waits for its seat, serves the owner's socket and the pages
// for monitoring, takes up new settings, tells systemd how it is doing, and ends without cutting an action in half.
//
// # Life
//
//	stand by    another daemon has the seat of this database: nothing is begun, and /readyz says who has it
//	look after  the seat is ours: the Keeper runs and the socket answers; if the seat is lost, stand by again
//	stop        no run begins any more, those under way go on to the end of their steps, the seat is given up
//
// A crash at any point is a stop without the last part: the seat's lock and the sockets are the kernel's to free, leases end by
// themselves, and what is under way stands in AWS.
//
// # What watches over it
//
// /healthz fails, and systemd's watchdog is not fed, when the Keeper's loop has not come round for too long, or when somebody has been due
// for minutes and nobody is at work. What is wrong with AWS, with the settings or with a user is no reason to be restarted: /readyz and
// the metrics tell of that.
package daemon
