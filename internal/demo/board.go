package demo

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/keyturn/keyturn/internal/reconcile"
	"github.com/keyturn/keyturn/internal/rotation"
)

// row is what is known of one user of the cast.
type row struct {
	part
	on       bool // has entered
	current  rotation.Key
	previous rotation.Key
	legacy   bool          // the previous key is from before keyturn's care
	every    time.Duration // the key's rotate_every
	next     rotation.ActionKind
	nextAt   time.Time
	reason   rotation.Reason
	trouble  string // the last run's error
	fresh    time.Time
}

// event is one line of what happened.
type event struct {
	at   time.Time
	user string
	text string
	bad  bool // needs a person
}

// totals are counted from the results of keyturn's own runs.
type totals struct{ rotations, deactivations, deletions int }

// board is the state of the show: written by results as they come, read by the screen.
type board struct {
	limits  rotation.Limits
	started time.Time
	// print is given every event as it happens, one at a time; nil: nobody listens.
	print func(event)

	mu      sync.Mutex
	rows    []row
	events  []event
	perUser map[string]totals
}

// eventsKept bounds the list of events that the screen can show.
const eventsKept = 60

func newBoard(limits rotation.Limits, every func(part) time.Duration) *board {
	b := &board{limits: limits, started: time.Now(), perUser: map[string]totals{}}
	for _, p := range cast {
		b.rows = append(b.rows, row{part: p, every: every(p)})
	}
	return b
}

// say adds an event.
func (b *board) say(user, text string, bad bool) {
	e := event{at: time.Now(), user: user, text: text, bad: bad}
	b.mu.Lock()
	b.events = append(b.events, e)
	if len(b.events) > eventsKept {
		b.events = slices.Delete(b.events, 0, len(b.events)-eventsKept)
	}
	if b.print != nil {
		b.print(e)
	}
	b.mu.Unlock()
}

// line is an event as a line of plain text.
func (b *board) line(e event) string {
	return fmt.Sprintf("%s  %-*s  %s", clock(e.at.Sub(b.started)), nameWidth, e.user, e.text)
}

func (b *board) enter(user string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if r := b.row(user); r != nil {
		r.on = true
	}
}

func (b *board) row(user string) *row {
	i := slices.IndexFunc(b.rows, func(r row) bool { return r.name == user })
	if i < 0 {
		return nil
	}
	return &b.rows[i]
}

// result takes in what a run did and found.
func (b *board) result(s rotation.Schedule, res reconcile.Result) {
	user := res.User.Name
	b.mu.Lock()
	r := b.row(user)
	if r == nil {
		b.mu.Unlock()
		return
	}
	texts := told(res, r.legacy)
	t := b.perUser[user]
	for _, a := range res.Actions {
		switch a.Kind {
		case rotation.Promote, rotation.PutFirst:
			r.fresh = time.Now()
			if a.Kind == rotation.Promote {
				t.rotations++
			}
		case rotation.DeactivateKey:
			t.deactivations++
		case rotation.DeleteKey:
			t.deletions++
		}
	}
	b.perUser[user] = t
	was, wasTrouble := r.reason, r.trouble
	r.learn(s, b.limits, res)
	reason, detail, trouble := r.reason, res.Detail, r.trouble
	b.mu.Unlock()
	for _, text := range texts {
		b.say(user, text, false)
	}
	switch {
	case trouble != "" && trouble != wasTrouble:
		b.say(user, trouble, true)
	case reason.Blocked() && reason != was:
		b.say(user, blockedText(reason, detail, res), true)
	}
}

// learn brings a row up to date. A result that observed nothing (another run held the user, AWS was changed a moment ago) leaves
// it as it is.
func (r *row) learn(s rotation.Schedule, l rotation.Limits, res reconcile.Result) {
	r.trouble = ""
	if res.Err != nil {
		r.trouble = oneLine(res.Err)
		return
	}
	o := res.Observation
	if o.Now.IsZero() || res.Reason == rotation.ReasonSettling || res.Reason == rotation.ReasonLeased {
		return
	}
	d, _ := rotation.NextLook(s, l, o, time.Time{})
	r.reason = d.Reason
	if res.Reason.Blocked() {
		r.reason = res.Reason
	}
	if d.Classes != nil {
		r.current, r.previous = rotation.Key{}, rotation.Key{}
	}
	for _, k := range d.Classes {
		switch k.Class {
		case rotation.ClassCurrent:
			r.current = k.Key
		default:
			r.previous, r.legacy = k.Key, k.Class == rotation.ClassLegacy
		}
	}
	r.next, r.nextAt = rotation.NoAction, time.Time{}
	if r.reason.Blocked() || r.reason == rotation.ReasonPaused {
		return
	}
	if next := rotation.Forecast(s, l, o, 1); len(next) > 0 {
		r.next, r.nextAt = next[0].Action, next[0].At
	}
}

// snapshot is a copy for the screen, newest event first.
func (b *board) snapshot() ([]row, []event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	events := slices.Clone(b.events)
	slices.Reverse(events)
	return slices.Clone(b.rows), events
}

// cycles is how many full lives of keys the slowest of the normal users has seen: made, replaced, deactivated, deleted.
func (b *board) cycles() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	least := -1
	for _, p := range cast {
		if !p.normal() {
			continue
		}
		t := b.perUser[p.name]
		if n := min(t.rotations, t.deactivations, t.deletions); least < 0 || n < least {
			least = n
		}
	}
	return max(0, least)
}

// told puts a run's actions into words.
func told(res reconcile.Result, legacy bool) (out []string) {
	old, over := "old", because[res.Reason]
	if legacy {
		old = "legacy"
		if res.Reason == rotation.ReasonGraceOver {
			over = "it is out of use"
		}
	}
	for _, a := range res.Actions {
		id := short(a.KeyID)
		switch a.Kind {
		case rotation.PutFirst:
			out = append(out, fmt.Sprintf("under care: first key %s verified, stored", id))
		case rotation.Promote:
			out = append(out, fmt.Sprintf("new key %s stored, verified, promoted", id))
		case rotation.DeactivateKey:
			out = append(out, fmt.Sprintf("%s key %s deactivated: %s", old, id, over))
		case rotation.DeleteKey:
			out = append(out, fmt.Sprintf("%s key %s deleted: %s", old, id, over))
		case rotation.RecordPaused:
			out = append(out, "paused by an operator: "+a.Why)
		}
	}
	return out
}

// because words the reasons for which keys are retired here.
var because = map[rotation.Reason]string{
	rotation.ReasonGraceOver:       "its grace is over",
	rotation.ReasonRetentionOver:   "its retention is over",
	rotation.ReasonOrphan:          "nobody holds its secret",
	rotation.ReasonPendingHopeless: "it never worked",
	rotation.ReasonPendingDropped:  "it was given up before it was promoted",
	rotation.ReasonPendingOutdated: "the secret was edited meanwhile",
}

// blockedText says what is in the way, and what a person can do about it.
func blockedText(reason rotation.Reason, detail string, res reconcile.Result) string {
	switch reason {
	case rotation.BlockedTwoLegacy:
		return "blocked: two keys from before; delete the unused one"
	case rotation.BlockedForeignKey:
		return fmt.Sprintf("blocked: %s is not keyturn's; delete it to free the slot", short(res.KeyID))
	}
	if detail == "" {
		detail = "a person has to look at it"
	}
	return string(reason) + ": " + detail
}

// shortID is how much of a key id is shown: its end, as its beginning is the same for all.
const shortID = 6

func short(keyID string) string {
	if len(keyID) > shortID {
		return keyID[len(keyID)-shortID:]
	}
	return keyID
}

// oneLine is an error's text without line breaks.
func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }
