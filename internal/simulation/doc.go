// Package simulation runs the real reconciler, through the real AWS SDK, against the simulated AWS of package awssim in virtual
// time, while everything that can go wrong does: calls are throttled, delayed, lost or answered stale, the process dies at any of
// them, its database is lost, and people create, deactivate, delete and edit by hand. The simulator checks the safety rules after
// every call; this package adds that no consumer ever holds a dead key and that no user is ever stuck.
//
// It holds tests only. A failure prints the seed of its world: go test ./internal/simulation -run TestSimulation -sim.world=SEED.
package simulation
