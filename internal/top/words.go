package top

import (
	"fmt"
	"time"

	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/rotation"
)

// Words are the sentences that the command line has as well. Nil ones are told by the bare names.
type Words struct {
	// Reason says what a reason means for a person, and what to do about it.
	Reason func(rotation.Reason) string
	// Foretell says what an Ask will do, line by line. Where a line holds a tab, what follows it is folded below itself.
	Foretell func(fleet.Foresight, rotation.Request) []string
	// Refused says why an Ask was not carried out.
	Refused func(fleet.Answer) string
}

func (w Words) reason(r rotation.Reason) string {
	if w.Reason == nil {
		return string(r)
	}
	return clean(w.Reason(r))
}

func (w Words) foretell(f fleet.Foresight, r rotation.Request) (out []string) {
	if w.Foretell != nil {
		return w.Foretell(f, r)
	}
	for _, a := range f.Now {
		out = append(out, string(a.Kind))
	}
	return out
}

func (w Words) refused(a fleet.Answer) string {
	switch {
	case w.Refused != nil:
		return clean(w.Refused(a))
	case a.Error != "":
		return clean(a.Error)
	case a.Refused != "":
		return clean(a.Refused)
	}
	return w.reason(a.Reason)
}

// Event is one line of what happened.
type Event struct {
	At   time.Time
	User string
	Text string
	Bad  bool // a person has to know
}

// String is the event as a line for a pipe, its time in RFC 3339.
func (e Event) String() string {
	word := "event"
	if e.Bad {
		word = "trouble"
	}
	return fmt.Sprintf("%s  %-8s %s  %s", stamp(e.At), word, clean(e.User), clean(e.Text))
}

// because words the reasons for which keys are changed, in a few words each.
var because = map[rotation.Reason]string{
	rotation.ReasonDue:             "due",
	rotation.ReasonAsked:           "asked for",
	rotation.ReasonOnboard:         "came under care",
	rotation.ReasonGraceOver:       "its grace is over",
	rotation.ReasonRetentionOver:   "its retention is over",
	rotation.ReasonOrphan:          "nobody holds its secret",
	rotation.ReasonQuarantine:      "nobody holds its secret",
	rotation.ReasonPendingHopeless: "it never worked",
	rotation.ReasonPendingDropped:  "given up before it was promoted",
	rotation.ReasonPendingOutdated: "the secret was edited meanwhile",
	rotation.ReasonRevoke:          "revoked",
	rotation.ReasonRollback:        "rolled back",
	rotation.ReasonFallBack:        "the current key was not Active",
	rotation.ReasonNoActiveCurrent: "no key worked",
	rotation.ReasonResumePending:   "it was stored already",
}

// deeds word what an action did to a key.
var deeds = map[rotation.ActionKind]string{
	rotation.CreateKey:     "key %s made",
	rotation.PutPending:    "key %s stored",
	rotation.PutFirst:      "first key %s verified, stored",
	rotation.Promote:       "key %s verified, promoted",
	rotation.DeactivateKey: "old key %s deactivated",
	rotation.ReactivateKey: "key %s reactivated",
	rotation.DeleteKey:     "old key %s deleted",
	rotation.MarkRevoked:   "key %s revoked",
	rotation.RecordAdopted: "key %s adopted, to be retired",
}

// Told puts a happening into words; not worth a line are records of our own that succeeded, and steps that a later one tells of.
func Told(h fleet.Happening) (e Event, worth bool) {
	e = Event{At: h.At, User: clean(h.User.Name)}
	what := string(h.Action)
	if h.KeyID != "" {
		what += " of " + short(h.KeyID)
	}
	switch h.Outcome {
	case rotation.Done:
	case rotation.Failed:
		e.Text, e.Bad = what+" failed: "+clean(h.Detail), true
		return e, true
	case rotation.Unknown:
		e.Text, e.Bad = what+": AWS did not say how it ended: "+clean(h.Detail), true
		return e, true
	default: // begun, and perhaps still under way
		return e, false
	}
	why := because[h.Reason]
	switch h.Action {
	case rotation.PutFirst:
		e.Text = "under care: " + fmt.Sprintf(deeds[h.Action], short(h.KeyID))
		return e, true
	case rotation.Promote, rotation.DeactivateKey, rotation.ReactivateKey, rotation.DeleteKey, rotation.MarkRevoked, rotation.RecordAdopted:
		e.Text = fmt.Sprintf(deeds[h.Action], short(h.KeyID))
	case rotation.RecordPaused:
		e.Text, why = "paused", clean(h.Detail)
	case rotation.RecordResumed:
		e.Text, why = "resumed", clean(h.Detail)
	case rotation.RecordUser:
		e.Text = "the new IAM user is accepted"
	default:
		return e, false
	}
	if why != "" {
		e.Text += ": " + why
	}
	return e, true
}

// changed words how a user stands worse or better than a moment ago; empty: no different, for a person.
func changed(was, is fleet.State, w Words) (text string, alarming bool) {
	switch {
	case is.Standing == fleet.Failed && (was.Standing != fleet.Failed || was.LastError != is.LastError):
		return "failed: " + clean(is.LastError), true
	case is.Standing == fleet.Blocked && (was.Standing != fleet.Blocked || was.Reason != is.Reason):
		text = string(is.Reason)
		if w.Reason != nil {
			text += ": " + w.reason(is.Reason)
		}
		return text, true
	case troubled(was) && !troubled(is):
		return "is well again", false
	}
	return "", false
}

// troubled: a person has to act, or a run failed.
func troubled(s fleet.State) bool { return s.Standing == fleet.Failed || s.Standing == fleet.Blocked }
