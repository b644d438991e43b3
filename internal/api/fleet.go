package api

import (
	"time"

	"github.com/keyturn/keyturn/internal/fleet"
)

// Fleet is what a live view shows: the users that need attention first.
type Fleet struct {
	At      *time.Time `json:"at" doc:"AWS's time of the answer."`
	Started *time.Time `json:"started" doc:"When the daemon began; null: there is none."`
	Version string     `json:"version" doc:"Version of the server."`
	Notice  string     `json:"notice" doc:"What holds scheduled changes of everybody back, such as a freeze or a stop after too many failures; empty: nothing."`
	Partial string     `json:"partial" doc:"Why it is not known who is under care, so that users are those that the database knows; empty: it is known."`
	Matched int        `json:"matched" doc:"Users that match; users may hold fewer."`
	Summary Summary    `json:"summary" doc:"Of all users under care that the key may see."`
	Users   []User     `json:"users" doc:"Those that need attention first."`
	Events  []Event    `json:"events" doc:"The newest, oldest first."`
	Rates   []Rate     `json:"rates" doc:"How fast AWS's quotas are being used; for keys that may see every user."`
}

// Summary counts the users under care.
type Summary struct {
	Users    int   `json:"users" doc:"All of them."`
	Failed   int   `json:"failed" doc:"Users whose last run failed; it is tried again."`
	Blocked  int   `json:"blocked" doc:"Users for which a person has to act."`
	Held     int   `json:"held" doc:"Users whose changes are held back."`
	Waiting  int   `json:"waiting" doc:"Users whose next step waits for something beyond the schedule."`
	Overdue  int   `json:"overdue" doc:"Users whose look is late, and nothing else is known to be wrong."`
	AWSCalls int64 `json:"aws_calls" doc:"Requests sent since the daemon began; 0 for keys that may not see every user."`
}

// Rate is how fast one quota of AWS's is being used.
type Rate struct {
	Name      string  `json:"name" doc:"Of the quota." example:"secret_writes"`
	PerSecond float64 `json:"per_second" doc:"Requests sent, over the last seconds."`
	Pace      float64 `json:"pace" doc:"keyturn's own bound; 0: none."`
	Quota     float64 `json:"quota" doc:"AWS's; 0: not published."`
}

// FleetOf is a snapshot on the wire.
func FleetOf(s fleet.Snapshot) Fleet {
	u := s.Summary
	return Fleet{At: stamp(s.At), Started: stamp(s.Started), Version: s.Version, Notice: s.Notice, Partial: s.Partial, Matched: s.Matched,
		Summary: Summary{u.Users, u.Failed, u.Blocked, u.Held, u.Waiting, s.Overdue, u.AWSCalls},
		Users:   each(s.Users, UserOf), Events: each(s.Events, EventOf),
		Rates: each(s.Rates, func(r fleet.Rate) Rate { return Rate(r) })}
}

// Snapshot is the reverse of FleetOf.
func (f Fleet) Snapshot() fleet.Snapshot {
	u := f.Summary
	return fleet.Snapshot{At: unstamp(f.At), Started: unstamp(f.Started), Version: f.Version, Notice: f.Notice, Partial: f.Partial,
		Matched: f.Matched, Overdue: u.Overdue,
		Summary: fleet.Summary{Users: u.Users, Failed: u.Failed, Blocked: u.Blocked, Held: u.Held, Waiting: u.Waiting, AWSCalls: u.AWSCalls},
		Users:   each(f.Users, User.State), Events: each(f.Events, Event.Happening),
		Rates: each(f.Rates, func(r Rate) fleet.Rate { return fleet.Rate(r) })}
}
