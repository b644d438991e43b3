// Package demo plays keyturn on a stage: a simulated AWS on a real socket, a dozen IAM users of different situations, consumers
// that sign calls all the time, and keyturn itself, wired as for a real account. Speed divides every duration on both sides, and
// clocks run as ever, so that a life of minutes is seen in seconds.
//
// It reads neither AWS_* variables nor ~/.aws, and talks to nobody but its own simulator.
package demo
