package fleet

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/keyturn/keyturn/internal/rotation"
	"github.com/keyturn/keyturn/internal/store"
)

const (
	watchUsers  = 200 // of a View that does not say
	watchEvents = 20
	watchAlone  = 500 // up to so many are read one by one
)

// A look is overdue when its run should have ended by now: one of a daemon's takes a while, and without a daemon passes come once a
// minute or so.
const (
	patientWithRuns   = 30 * time.Second
	patientWithPasses = 2 * time.Minute
)

// Watch gives what a live view shows. AWS is asked who is there at most once a minute, and nothing else.
func (o *Office) Watch(ctx context.Context, v View) (Snapshot, error) {
	if v.Limit <= 0 {
		v.Limit = watchUsers
	}
	if v.Events <= 0 {
		v.Events = watchEvents
	}
	out := Snapshot{Started: o.cfg.Started, Version: o.cfg.Version}
	members, refused, lean, err := o.watched(ctx, v, &out)
	if err != nil {
		return Snapshot{}, err
	}
	out.Summary.refused(refused)
	late := patientWithRuns
	if out.Started.IsZero() {
		late = patientWithPasses
	}
	want := strings.ToLower(v.Match)
	add := func(s State) {
		if strings.Contains(strings.ToLower(s.User.String()), want) {
			out.Matched++
			out.Users = append(out.Users, s)
		}
	}
	for _, m := range members {
		s := stateOf(m)
		if by := out.At.Sub(s.Recheck); !s.Recheck.IsZero() && by > late {
			s.Late = by
		}
		if pressure(s) == pressureLate {
			out.Overdue++
		}
		out.Summary.count(s.Standing)
		add(s)
	}
	for _, s := range broken(refused) {
		add(s)
	}
	slices.SortFunc(out.Users, pressing)
	out.Users = out.Users[:min(len(out.Users), v.Limit)]
	if lean {
		if err := o.fillIn(ctx, out.Users, members); err != nil {
			return Snapshot{}, err
		}
	}
	if f, err := o.fleet(); err == nil {
		out.Notice = f.policy.Notice(out.At)
	}
	if o.cfg.Notice != nil {
		out.Notice = strings.TrimPrefix(strings.TrimSuffix(o.cfg.Notice()+"; "+out.Notice, "; "), "; ")
	}
	out.Events, err = o.recent(ctx, store.RecentQuery{Limit: v.Events})
	return out, err
}

// watched gives who is under care and how they stand, and puts into a snapshot what only a fleet can tell. Lean: the standings are those
// of a Keeper, which has not all of them.
func (o *Office) watched(ctx context.Context, v View, out *Snapshot) (members []Member, refused []Refused, lean bool, err error) {
	out.At = time.Now()
	f, err := o.fleet()
	var sel Selection
	if err == nil {
		if v.Anyway {
			sel, err = o.watchedSelection(ctx)
		} else {
			sel, err = o.selection(ctx, false)
		}
		out.Summary.AWSCalls = f.cfg.Calls()
		if now := f.cfg.Now(); !now.IsZero() {
			out.At = now
		}
		if f.cfg.Rates != nil {
			out.Rates = f.cfg.Rates()
		}
	}
	if err != nil && !v.Anyway {
		return nil, nil, false, err
	}
	// Many users are read at once, and a few of many one by one: a live view asks every second.
	if err == nil && o.cfg.Selection != nil && v.Limit <= watchAlone {
		return sel.Members, sel.Refused, true, nil
	}
	standings := map[rotation.User]rotation.Standing{}
	for e, err := range o.cfg.DB.Standings(ctx) {
		if err != nil {
			return nil, nil, false, err
		}
		standings[e.User] = e.Standing
	}
	if err != nil {
		out.Partial = err.Error()
		for u, st := range standings {
			if st.Reason != rotation.ReasonLeft {
				members = append(members, Member{User: u, Known: !st.At.IsZero(), Standing: st})
			}
		}
		return members, nil, false, nil
	}
	members = slices.Clone(sel.Members)
	for i, m := range members {
		st := standings[m.User]
		members[i].Standing, members[i].Known = st, !st.At.IsZero() // of one in its first run there is but a lease
	}
	return members, sel.Refused, false, nil
}

// fillIn reads from the database what a Keeper does not keep of the users that are shown.
func (o *Office) fillIn(ctx context.Context, shown []State, members []Member) error {
	at := make(map[rotation.User]int, len(shown))
	for i, s := range shown {
		at[s.User] = i
	}
	for _, m := range members {
		i, is := at[m.User]
		if !is {
			continue
		}
		st, known, err := o.cfg.DB.Standing(ctx, m.User)
		if err != nil {
			return err
		}
		if m.Standing, m.Known = st, !st.At.IsZero(); known {
			late := shown[i].Late
			shown[i] = stateOf(m)
			shown[i].Late = late
		}
	}
	return nil
}

// watchSelection asks AWS who is under care, in the background: a large account takes a while, and a live view must not stand still.
type watchSelection struct {
	mu    sync.Mutex
	known *Selection // nil: AWS has not told yet
	err   error      // of the last question
	ended time.Time  // when that was answered; zero: never
	under chan struct{}
}

const (
	watchPatience  = 2 * time.Second // for an answer, when nothing is known
	discoverAtMost = 5 * time.Minute
)

var errAsking = errors.New("AWS is still being asked who is under care")

// watchedSelection gives who is under care, from AWS's last answer, which is renewed every minute.
func (o *Office) watchedSelection(ctx context.Context) (Selection, error) {
	w, keep := &o.watching, keepSelection
	if o.cfg.Selection != nil {
		keep = 0 // it costs AWS nothing, as a rule
	}
	w.mu.Lock()
	if w.under == nil && (w.ended.IsZero() || time.Since(w.ended) >= keep) {
		w.under = make(chan struct{})
		go o.askSelection(ctx, w.under)
	}
	under, wait := w.under, w.known == nil || keep == 0
	w.mu.Unlock()
	if under != nil && wait {
		patience := time.NewTimer(watchPatience)
		defer patience.Stop()
		select {
		case <-under:
		case <-patience.C:
		case <-ctx.Done():
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.known != nil:
		return *w.known, nil
	case w.err != nil:
		return Selection{}, w.err
	}
	return Selection{}, errAsking
}

func (o *Office) askSelection(ctx context.Context, done chan struct{}) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), discoverAtMost)
	defer cancel()
	sel, err := o.selection(ctx, o.cfg.Selection == nil)
	w := &o.watching
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err, w.ended, w.under = err, time.Now(), nil; err == nil {
		w.known = &sel
	}
	close(done)
}

// pressing orders states: those that need attention first, then by what comes next.
func pressing(a, b State) int {
	return cmp.Or(cmp.Compare(pressure(a), pressure(b)), cmp.Compare(next(a), next(b)), byUser(a.User, b.User))
}

const pressureLate = 3

// pressure is the place of a user among those that need attention.
func pressure(s State) int {
	switch {
	case s.Standing == Failed:
		return 0
	case s.Standing == Blocked:
		return 1
	case s.Standing == Held:
		return 2
	case s.Late > 0:
		return pressureLate
	case s.Standing == Waiting:
		return 4
	}
	return 5
}

// next is when the next step comes; one that is not known is last.
func next(s State) int64 {
	if s.NextAt.IsZero() {
		return 1<<63 - 1
	}
	return s.NextAt.Unix()
}

func byUser(a, b rotation.User) int {
	return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.Name, b.Name))
}
