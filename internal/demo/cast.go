package demo

import "time"

// castPath is the IAM path of the users under care; everybody else in the account is left alone.
const castPath = "/demo/"

// part is one user of the cast.
type part struct {
	name  string
	story string // what is to be seen, for wide screens; "": what the view says by itself
	// enters is when the user appears, as a share of rotate_every. A run of --once has no time for it: all are there at once.
	enters float64
	// old is how many keys it has from before keyturn's care.
	old int
	// schedule names one of the configuration's schedules; "" is the default one.
	schedule string
	// consumers is how many programs use its key.
	consumers int
	// handMade: some while after its first key somebody makes another one by hand.
	handMade bool
	// paused: some while after its first key an operator pauses it.
	paused bool
}

// normal users live by the default schedule from birth to deletion.
func (p part) normal() bool { return p.old == 0 && p.schedule == "" && !p.handMade && !p.paused }

const slowSchedule = "slow"

// cast is who is on stage.
var cast = []part{
	{name: "ci-deploy", story: "new key, grace, retention, and again", consumers: 4},
	{name: "billing-export", enters: 0.08, consumers: 4},
	{name: "metrics-push", enters: 0.2, consumers: 4},
	{name: "mail-relay", enters: 0.35, consumers: 4},
	{name: "image-resize", enters: 0.5, consumers: 4},
	{name: "search-index", enters: 0.62, consumers: 4},
	{name: "backup-nightly", enters: 0.75, consumers: 4},
	{name: "payroll-batch", story: "on the slow schedule, by its IAM tag", enters: 0.05, schedule: slowSchedule,
		consumers: 2},
	{name: "legacy-crm", story: "came with a key, which goes once it is out of use", enters: 0.15, old: 1, consumers: 2},
	{name: "warehouse-etl", story: "came with two keys, of which a person deletes one", enters: 0.3, old: 2},
	{name: "partner-sftp", story: "a key made by hand: reported, never touched", enters: 0.1, consumers: 2, handMade: true},
	{name: "invoice-bot", story: "paused by an operator: its key stays as it is", enters: 0.25, consumers: 2, paused: true},
}

// What the operator and the person on stage do, as shares of rotate_every after the user's first key.
const (
	pausedAfter   = 0.35
	handMadeAfter = 0.45
)

// legacyQuiet replaces the week for which a key from before has to be out of use: it is to be seen.
const legacyQuiet = 14 * time.Minute

// maxRecheck replaces the hour after which keyturn looks again at the latest: what the viewer changes is to be seen too.
const maxRecheck = 6 * time.Minute
