// Package fleet looks after many IAM users: who is under care, who is due, and one pass over them.
//
// A pass discovers the users (a few AWS calls in all, none per user), leaves alone everyone whose next look lies ahead, and gives
// the others to package reconcile, the longest overdue first. Users are independent: one that fails stops nobody. Only
// Concurrency users are in work at once, but a user that merely waits (for the next verification, say) holds no slot, so many
// more than that can be on their way.
//
// A [Keeper] does so for as long as its process lives: keeper.go (life and loop), index.go (who is due), keeperwork.go (one wake-up,
// and what others' recovery means for those that fail), keepersweep.go (who is under care), keeperreload.go (new settings),
// keeperhealth.go (how it is doing).
package fleet
