// Package rotation is the pure core of keyturn: what is to be done with the access keys of one IAM user, given what AWS says
// of it now.
//
// An [Observation] is what was read; [Plan] turns it into a [Decision]: the actions to take, the one [Reason] for them, and
// when to look again. The package does no I/O, has no clock and takes no context; the same input gives the same output. All
// times in it are AWS's (the Date of its answers), in whole seconds.
//
// The files follow the thought: observation.go (what is known), state.go (what the secret's tags remember), classify.go
// (which key is which), plan.go (the ordered list of checks, which is the specification), forecast.go (what comes next).
package rotation
