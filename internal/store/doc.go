// Package store is the journal of keyturn in a SQL database: what every run was about to do and how that ended, who holds which
// user (leases), and when to look at a user again; who read which credential, when each API key was last used, and the answers to
// requests that may be sent twice. SQLite in one file by default; everything that is SQLite's own stands in
// sqlite.go and migrations/sqlite, the rest is SQL that PostgreSQL understands too.
//
// # What it may be trusted with
//
// Nothing: AWS is the truth. The database may be lost at any moment, and is then made anew; what is lost is history, and
// the first look at every user after that is taken twice. It holds no secret: no column takes one, and
// [rotation.Sensitive] cannot be bound to a statement.
//
// # Time
//
// Every time is the caller's, which is AWS's. The local clock is read for spans only: the busy timeout, looks at the file, signs of life.
// Times are kept in
// microseconds, rounded up, so that a lease never ends early; the moment it is compared with is rounded down.
//
// # Leases
//
// One row per user. A lease is taken by one statement, hence by one run only, whatever number of processes share the file:
//
//	free     holder '', lease_until ≤ now          may be taken
//	held     holder H, now < lease_until            only H itself may take it, to prolong it
//	over     holder H, lease_until ≤ now            H died or stalled: may be taken
//	settling holder '', now < lease_until           given back as of a later moment: nobody may take it
//
// Quiet, the answer to who takes a lease, is the latest of: the last change that a run reported when it gave the lease back; and,
// for each run that did not, the end of its lease less the settle time that the lease included, since until then it may have
// changed AWS. It is zero (unknown) for a user that this database has not seen: a run from before the database may have changed
// it. Such a run began before the first lease in here, so it has ended when that first lease's working time is over; this is
// what a run that changed nothing leaves as Quiet.
//
// # Durability
//
// WAL with synchronous=NORMAL: a killed process loses nothing, a power cut may lose the last transactions but never damages the
// file. What that costs: a create-key event may be missing though the key was made. The key is then reported as foreign, and
// not removed as an orphan: safe, and a person is asked.
//
// # Access records
//
// Who read which credential stands in a file of its own, which waits for the disk at each commit: see docs/decisions/0011-access-records.md.
// One goroutine commits for all that wait, and lives while there is work. Many reads are one row; what they name stands once in a table
// beside it. What is said below of the file holds for this one, too.
//
// # A file that is lost, damaged or full
//
// Twice a second, when a statement is about to be run, the path is looked at. When it leads to another file than the open one, or to none
// (deleted, moved away, replaced by a backup, the disk mounted anew), the open one is given up and the path's is opened, or made. It knows
// nothing of the runs that are under way, so somebody else may take their users: what such a run still wants to record is refused with
// [ErrMoved], and no record means no action. Ids are refused in the same way, as another database gives the same ones again.
//
// Damage that is met stops every change, with [ErrCorrupt], until the file is another one: a lease that was read beside a damaged page is
// none. A full disk, a read-only one and a lock are nothing to remember: each change is refused with its sentence, and the first one that
// can be made again is.
//
// The write-ahead log is bounded: see [Store.Checkpoint]. History is removed when it is old: see [Store.Prune].
//
// # Seats
//
// One daemon per database looks after its users; the others stand by. Leases protect users, the seat only saves work: two that look after
// the same users for some seconds cost AWS calls and nothing else. See [Seat], and docs/decisions/0008-seat.md for why it is made of a lock
// and of signs of life.
//
//	nobody   no row, or holder ''                          taken at once
//	locked   holder H, locked 1, and H has the file lock   H lives, or stands still: taken after 20 s without a sign of life
//	dead     holder H, locked 1, and the lock is free      the kernel freed it: taken at once
//	without  holder H, locked 0                            H took over from one that stands still and has the lock yet: as locked
//
// The holder trusts in the seat for 15 s from the moment it began to give its last sign of life, and others take it 20 s after they saw
// that sign, at the earliest; both on the monotonic clock of one machine, which no step of the clock moves and which goes on while a
// process is stopped. So two never hold the seat at once, but when somebody deletes the lock's file: then for up to 5 s.
//
// # Virtual time
//
// A Store that is opened and closed inside one testing/synctest bubble belongs to it: its goroutines (one per connection pool)
// wait on channels of that bubble, connections have no lifetime and so no cleaner, and a statement runs on its caller's
// goroutine. The bubble's clock moves on while a Store is open. [Memory] opens in about a millisecond.
package store
