//go:build race

package fleet_test

// underRace: the race detector makes everything many times slower, and needs fewer users to see a race.
const underRace = true
