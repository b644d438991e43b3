package simulation

import (
	"slices"
	"time"

	"github.com/keyturn/keyturn/internal/awssim"
	"github.com/keyturn/keyturn/internal/reconcile"
	"github.com/keyturn/keyturn/internal/rotation"
)

// at puts something on the agenda.
func (w *world) at(t time.Time, do func()) {
	i, _ := slices.BinarySearchFunc(w.agenda, t, func(e event, t time.Time) int {
		if e.at.After(t) {
			return 1
		}
		return -1
	})
	w.agenda = slices.Insert(w.agenda, i, event{at: t, do: do})
}

// lookAt puts the next look on the agenda.
func (w *world) lookAt(t time.Time) {
	w.at(t, w.look)
	for i := range w.agenda {
		if w.agenda[i].at.Equal(t) {
			last := i
			for last+1 < len(w.agenda) && w.agenda[last+1].at.Equal(t) {
				last++
			}
			w.agenda[last].look = true
			return
		}
	}
}

func (w *world) after(d time.Duration, do func()) { w.at(time.Now().Add(d), do) }

// play goes through the agenda until a time, or until something broke.
func (w *world) play(until time.Time) {
	for len(w.agenda) > 0 && len(w.broken) == 0 {
		e := w.agenda[0]
		if e.at.After(until) {
			break
		}
		w.agenda = w.agenda[1:]
		time.Sleep(time.Until(e.at))
		e.do()
	}
	if len(w.broken) == 0 {
		time.Sleep(time.Until(until))
	}
}

// live keeps looking after the user for as long as the agenda is played.
func (w *world) live() {
	w.lookAt(time.Now())
}

// look is one pass, and puts the next one on the agenda.
func (w *world) look() {
	if wait := time.Until(w.notYet); wait > 0 {
		w.lookAt(time.Now().Add(wait))
		return
	}
	if w.proc.dead.Load() {
		w.boot()
	}
	res := w.pass(w.proc)
	next := res.Recheck.Add(-w.skew)
	if w.proc.dead.Load() {
		w.note("%s died", w.proc.name)
		next = time.Now().Add(time.Duration(w.rng.Int64N(int64(30 * time.Second))))
		if w.rng.IntN(8) == 0 {
			w.note("the database is lost")
			w.journal = w.fresh()
		}
	}
	if !next.After(time.Now()) {
		next = time.Now().Add(time.Second)
	}
	w.lookAt(next)
}

// pass is one run of the reconciler.
func (w *world) pass(p *process) reconcile.Result {
	w.phase = w.phaseNow()
	asked, from := w.request, w.currentKey()
	w.begun = w.frozen(w.now()).On()
	res := p.rec.Run(p.ctx, reconcile.Task{User: w.user, UserID: w.userID, Schedule: w.schedule, Cloud: w.session(p),
		Request: asked, LeaveCare: w.leave, ExistingAllowed: w.existing, Frozen: w.frozen})
	w.last = res
	w.note("%s %s key=%s detail=%q next=%s err=%v", p.name, res.Reason, res.KeyID, res.Detail,
		res.Recheck.Add(-w.skew).Sub(w.start), res.Err)
	if asked.Kind != "" && !p.dead.Load() && res.Err == nil && (w.carriedOut(asked, res) || res.Reason.Blocked()) {
		w.request = rotation.Request{}
		w.refused, w.carriedFrom = res.Reason, from
	}
	w.afterPass()
	if w.onRun != nil {
		w.onRun(res)
	}
	return res
}

// carriedOut reports whether an operator's wish needs no further pass.
func (w *world) carriedOut(r rotation.Request, res reconcile.Result) bool {
	switch r.Kind {
	case rotation.RequestRotate:
		return slices.ContainsFunc(res.Actions, func(a rotation.Action) bool { return a.Kind == rotation.RecordPromoted })
	case rotation.RequestRevoke:
		return slices.ContainsFunc(res.Actions, func(a rotation.Action) bool { return a.Kind == rotation.MarkRevoked })
	case rotation.RequestRollback:
		return res.Reason == rotation.ReasonRollback || res.Reason == rotation.ReasonRollbackDone
	default:
		return len(res.Actions) > 0
	}
}

// afterPass counts promotions and lifts the excuse once the current key works again.
func (w *world) afterPass() {
	now := w.currentVersion()
	if now != w.current {
		w.current = now
		w.promoted++
		if w.hit {
			w.disturbedCount++
		}
		w.hit = false
	}
	if w.currentWorks() {
		w.excused = false
	}
}

func (w *world) currentVersion() string {
	s, ok := w.secret()
	if !ok {
		return ""
	}
	return s.stage(rotation.StageCurrent)
}

// currentKey is the id of the key that AWSCURRENT's value names, in truth.
func (w *world) currentKey() string {
	s, ok := w.secret()
	if !ok {
		return ""
	}
	return keyIDOf(s.value(s.stage(rotation.StageCurrent)))
}

// currentWorks reports whether a consumer who reads the secret now gets a key that AWS accepts.
func (w *world) currentWorks() bool {
	id := w.currentKey()
	for _, k := range w.sim.Keys(username) {
		if k.ID == id {
			return k.Status == "Active"
		}
	}
	return false
}

// phaseNow names what the next pass is about to do on an undisturbed path.
func (w *world) phaseNow() string {
	keys := w.sim.Keys(username)
	if w.currentVersion() == "" {
		return "first"
	}
	current, active, others := w.currentKey(), false, 0
	inactive := 0
	for _, k := range keys {
		switch {
		case k.ID == current:
			active = k.Status == "Active"
		case k.Status == "Active":
			others++
		default:
			inactive++
		}
	}
	switch {
	case !active:
		return "repair"
	case others+inactive == 0:
		return "rotate"
	case others > 0:
		return "deactivate"
	}
	return "delete"
}

// onCall decides the fate of every call, and holds keyturn to what was promised to consumers.
func (w *world) onCall(c *awssim.Call) awssim.Fate {
	var f awssim.Fate
	if w.fault != nil {
		f = w.fault(w, c)
	}
	if c.Operation == "UpdateAccessKey" || c.Operation == "DeleteAccessKey" {
		after := f.After
		f.After = func() {
			w.checkPromise(c.KeyID)
			if after != nil {
				after()
			}
		}
	}
	return f
}

// checkPromise: a key that a consumer still holds by right must work, unless it was revoked.
func (w *world) checkPromise(keyID string) {
	until := w.promises[keyID]
	if !until.After(w.now()) || w.revoked[keyID] {
		return
	}
	for _, k := range w.sim.Keys(username) {
		if k.ID == keyID && k.Status == "Active" {
			return
		}
	}
	w.fail("a consumer may use %s for %s more, and it is dead", keyID, until.Sub(w.now()))
}
