// Package store is the journal of keyturn in a SQL database: what every run was about to do and how that ended, who holds which
// user (leases), and when to look at a user again. SQLite in one file by default; everything that is SQLite's own stands in
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
// Every time is the caller's, which is AWS's. The local clock is read by the database's own busy timeout only. Times are kept in
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
// # Virtual time
//
// A Store that is opened and closed inside one testing/synctest bubble belongs to it: its goroutines (one per connection pool)
// wait on channels of that bubble, connections have no lifetime and so no cleaner, and a statement runs on its caller's
// goroutine. The bubble's clock moves on while a Store is open. [Memory] opens in about a millisecond.
package store
