package rotation

import (
	"fmt"
	"time"
)

// Forecasted is one step that will be taken if nobody interferes.
type Forecasted struct {
	At     time.Time
	Action ActionKind
	KeyID  string // empty for a key that does not exist yet
	Reason Reason
}

// Major reports whether an action changes what consumers or AWS administrators see; the others are records of our own.
func (k ActionKind) Major() bool {
	switch k {
	case Onboard, OnboardExisting, CreateKey, Promote, PutFirst, DeactivateKey, ReactivateKey, DeleteKey:
		return true
	}
	return false
}

// forecastSteps bounds a forecast: looks at the virtual future, most of which give nothing.
const forecastSteps = 400

// forecastRecheck: in a forecast nobody interferes, so there is nothing to look for between two steps.
const forecastRecheck = 20 * 365 * 24 * time.Hour

// Forecast gives the next n major steps of a user, by the same Plan that will take them: it is asked again and again, each time
// in the world as the last step left it. Last-used records that were not read count as unused here, and only here.
func Forecast(s Schedule, l Limits, o Observation, n int) (out []Forecasted) {
	o.Request = Request{}
	l.MaxRecheck = forecastRecheck
	for step := 0; step < forecastSteps && len(out) < n; step++ {
		d := Plan(s, l, o)
		if d.Wants.Any() {
			o = assumeUnused(o, d.Wants)
			continue
		}
		if d.Confirm > 0 {
			o.Quiet, o.Now = o.Now, o.Now.Add(d.Confirm)
			o.ConfirmedAfter = d.Confirm
			continue
		}
		if d.Reason.Blocked() {
			return out
		}
		for _, a := range d.Actions {
			m := Moment{Up: o.Now, Down: o.Now, Run: fmt.Sprint("forecast-", step), Grace: s.Grace(),
				Made: Key{ID: fmt.Sprint("new-", step), Status: Active, Created: o.Now}}
			if a.Kind.Major() {
				out = append(out, Forecasted{At: o.Now, Action: a.Kind, KeyID: a.KeyID, Reason: d.Reason})
				if len(out) == n {
					return out
				}
			}
			o = Effect(o, a, m)
		}
		if len(d.Actions) > 0 {
			o.Quiet = o.Now
		}
		if !d.Recheck.After(o.Now) {
			d.Recheck = o.Now.Add(tick)
		}
		o.Now = d.Recheck
	}
	return out[:min(n, len(out))]
}

// NextLook is when to look again after a run that left the world as in o: when the next check can turn out otherwise, never
// before settle is over. So a key's whole life needs no look in between.
func NextLook(s Schedule, l Limits, o Observation, changed time.Time) (Decision, time.Time) {
	o.Request, o.ConfirmedAfter = Request{}, 0
	o.Quiet = o.Now.Add(-l.Settle)
	d := Plan(s, l, o)
	for range 3 {
		if !d.Wants.Any() {
			break
		}
		o = assumeUnused(o, d.Wants)
		d = Plan(s, l, o)
	}
	at := d.Recheck
	if len(d.Actions) > 0 {
		at = o.Now
	}
	if !changed.IsZero() {
		at = latest(at, changed.Add(l.Settle))
	}
	return d, wholeSecond(at)
}

func assumeUnused(o Observation, w Wants) Observation {
	use := map[string]LastUse{}
	for id, u := range o.LastUse {
		use[id] = u
	}
	for _, id := range w.LastUse {
		use[id] = LastUse{}
	}
	o.LastUse = use
	if w.Versions {
		o.Stored = map[string]bool{}
	}
	o.CurrentRead = o.CurrentRead || w.CurrentNames
	return o
}

// Expiration is until when a consumer may use the key that it is given now: never later than the key's deactivation can be,
// even if the answer it was read from was stale, and whatever becomes of the schedule. CurrentNames has to be read when a person
// put AWSCURRENT's value.
func Expiration(s Schedule, l Limits, o Observation, keyID string) time.Time {
	brief := o.Now.Add(l.Brief)
	st, present, err := ParseState(o.Secret.Tags)
	if err != nil || !present || st.Promoted.Promoting || st.Promoted.Version != o.Secret.Stage(StageCurrent) {
		return brief
	}
	end := o.Now.Add(max(0, min(st.Promoted.Promise, s.Grace())-l.Settle))
	named := o.CurrentRead && o.CurrentNames == keyID
	if sure := st.Promoted.At.Add(st.Promoted.Grace); VersionID(keyID) != st.Promoted.Version && !named && sure.Before(end) {
		end = sure // what is on record stands, whatever becomes of the schedule
	}
	return end
}
