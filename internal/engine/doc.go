// Package engine carries wake-ups for a fleet on River, a job queue over SQL. A job is a wake-up and nothing else: it names a user, it is
// unique while it has not finished, and what it leads to is decided by the fleet's own index. So a job that is lost, late, stuck or
// doubled does no harm, and the queue lives in memory: docs/decisions/0009-wake-ups.md says why.
//
// River measures time by itself and runs goroutines of its own, so it stays out of testing/synctest bubbles; fleet.Plain is for those.
package engine
