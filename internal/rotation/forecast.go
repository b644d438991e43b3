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
func Forecast(s Schedule, l Limits, o Observation, n int) []Forecasted {
	o.Request = Request{}
	return forecast(s, l, o, n)
}

// Foresee gives what the observation's request would bring about: the decision that Plan takes on it, the moment of that (later than
// now when AWS was changed a moment ago, or when the same has to be seen twice), and the next n major steps after the decision's own.
// A decision without actions waits, or refuses; a request that waits stands in what follows.
func Foresee(s Schedule, l Limits, o Observation, n int) (d Decision, at time.Time, then []Forecasted) {
	l.MaxRecheck = forecastRecheck
	for range forecastSteps {
		d = Plan(s, l, o)
		if d.Wants.Any() {
			o = assumeUnused(o, d.Wants)
			continue
		}
		if d.Confirm > 0 {
			o = seenTwice(o, d)
			continue
		}
		if d.Reason != ReasonSettling {
			break
		}
		o.Now = later(o, d)
	}
	at = o.Now
	if d.Reason.Blocked() {
		return d, at, nil
	}
	return d, at, forecast(s, l, took(s, l, o, d, "now"), n)
}

func forecast(s Schedule, l Limits, o Observation, n int) (out []Forecasted) {
	l.MaxRecheck = forecastRecheck
	for step := 0; step < forecastSteps && len(out) < n; step++ {
		d := Plan(s, l, o)
		if d.Wants.Any() {
			o = assumeUnused(o, d.Wants)
			continue
		}
		if d.Confirm > 0 {
			o = seenTwice(o, d)
			continue
		}
		endless := d.Reason == ReasonFrozen && o.Frozen(o.Now).Until.IsZero()
		if d.Reason.Blocked() || endless { // nobody knows when it goes on
			return out
		}
		for _, a := range d.Actions {
			if a.Kind.Major() && len(out) < n {
				out = append(out, Forecasted{At: o.Now, Action: a.Kind, KeyID: a.KeyID, Reason: d.Reason})
			}
		}
		o = took(s, l, o, d, fmt.Sprint(step))
		o.Now = later(o, d)
	}
	return out
}

// took is the world after the steps of a decision. The request goes once it is carried out.
func took(s Schedule, l Limits, o Observation, d Decision, step string) Observation {
	m := MomentOf(s, l, o.Now, o.Now, "forecast-"+step)
	m.Made = Key{ID: "new-" + step, Status: Active, Created: o.Now}
	for _, a := range d.Actions {
		o = Effect(o, a, m)
		switch {
		case a.Kind == Onboard, a.Kind == OnboardExisting, o.Request.Kind == RequestRotate && a.Kind != Promote && a.Kind != PutFirst:
		default:
			o.Request = Request{}
		}
	}
	if len(d.Actions) > 0 {
		o.Quiet = o.Now
	}
	return o
}

// seenTwice is the second look that a decision asks for, in the same world.
func seenTwice(o Observation, d Decision) Observation {
	o.Quiet, o.Now = o.Now, o.Now.Add(d.Confirm)
	o.ConfirmedAfter = d.Confirm
	return o
}

// later is when the decision is looked at again.
func later(o Observation, d Decision) time.Time {
	if d.Recheck.After(o.Now) {
		return d.Recheck
	}
	return o.Now.Add(tick)
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
// put AWSCURRENT's value. A key that is revoked, or does not work as far as Keys was read, is not to be kept: its Expiration is brief.
func Expiration(s Schedule, l Limits, o Observation, keyID string) time.Time {
	brief := o.Now.Add(l.Brief)
	st, present, err := ParseState(o.Secret.Tags)
	if err != nil || !present || st.Promoted.Promoting || st.Promoted.Version != o.Secret.Stage(StageCurrent) {
		return brief
	}
	if k, _ := o.key(keyID); o.Keys != nil && k.Status != Active || st.IsRevoked(keyID) {
		return brief
	}
	end := o.Now.Add(max(0, min(st.Promoted.Promise, s.Grace())-l.Settle))
	if VersionID(keyID) == st.Promoted.Version {
		// Half of settle is left for a consumer's wrong clock and for its calls under way. All of it would leave less than a minute between
		// a promotion and the Expiration of the key before, on the default schedule: no outage of Secrets Manager's could be outlasted.
		return latest(end, st.Promoted.Until.Add(-l.Settle/2))
	}
	named := o.CurrentRead && o.CurrentNames == keyID
	if sure := st.Promoted.At.Add(st.Promoted.Grace); !named && sure.Before(end) {
		end = sure // what is on record stands, whatever becomes of the schedule
	}
	return end
}
