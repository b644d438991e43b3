package fleet_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/keyturn/keyturn/internal/awssim"
	"github.com/keyturn/keyturn/internal/config"
	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/reconcile"
	"github.com/keyturn/keyturn/internal/rotation"
)

// On a 90-day schedule a user costs two calls an hour at most: its keys and its secret are looked at. Discovery asks for all at once.
func TestKeeperNinetyDaysAreCheap(t *testing.T) {
	users, week := 50, 7*24*time.Hour
	if underRace {
		users, week = 10, 24*time.Hour
	}
	inWatch(t, users, awssim.Config{}, func(t *testing.T, w *watch) {
		w.cfg.Schedule = config.Schedule{RotateEvery: config.Every{Interval: config.Duration(90 * 24 * time.Hour)},
			DeactivateAfter: config.Duration(97 * 24 * time.Hour), DeleteAfter: config.Duration(104 * 24 * time.Hour)}
		for _, u := range w.users {
			w.care(u, w.cfg.Schedule)
		}
		w.start()
		time.Sleep(2 * time.Hour)
		w.forget()
		time.Sleep(week)
		looks, sweeps := 0, 0
		for _, c := range w.made() {
			if c.Service == "secretsmanager" || c.Operation == "ListAccessKeys" {
				looks++
			} else {
				sweeps++
			}
		}
		perHour := float64(looks) / float64(users) / week.Hours()
		t.Logf("%.4f calls an hour and user, and %.1f an hour for discovery", perHour, float64(sweeps)/week.Hours())
		if perHour > 2 || float64(sweeps)/week.Hours() > 24 {
			t.Errorf("a user costs %.4f calls an hour, discovery %.1f", perHour, float64(sweeps)/week.Hours())
		}
		if perHour < 1.9 {
			t.Errorf("a user is looked at %.2f times an hour: people change things in between", perHour/2)
		}
	})
}

// 2,500 users on the ten-minute schedule, twenty times faster: 83 rotations and 250 wake-ups a second. Nobody is early, and 99 of 100
// begin within a second.
func TestKeeperLateness(t *testing.T) {
	inWatch(t, 0, awssim.Config{Speed: 20, Rates: awssim.Rates{Unlimited: true}}, func(t *testing.T, w *watch) {
		fast, err := w.cfg.Speed(20)
		if err != nil {
			t.Fatal(err)
		}
		w.cfg = fast
		w.cfg.Pace, w.cfg.HTTPTimeout = config.Pace{}, config.Duration(2*time.Second)
		users := 2500
		if underRace {
			users = 200
		}
		for i := range users {
			w.enter(fmt.Sprintf("user-%04d", i), nil)
		}
		evenly := *w.cfg
		evenly.Pace.IAM = config.Rate(float64(2*users) / 30) // two calls each: their lives begin evenly spread over one rotation
		evenly.Concurrency = 64
		if underRace {
			evenly.Concurrency = 8 // at a pace of 13 calls a second more would wait beyond their deadlines
		}
		unpaced := w.cfg
		w.cfg = &evenly
		w.start()
		time.Sleep(30 * time.Second)
		if err := w.keeper.Reload(context.Background(), unpaced); err != nil {
			t.Fatal(err)
		}
		time.Sleep(15 * time.Second)
		w.forget()
		const span = 30 * time.Second
		time.Sleep(span)
		rotated := 0
		for _, l := range w.seen() {
			if l.Late < 0 {
				t.Fatalf("%s was looked at %s early", l.Result.User, -l.Late)
			}
			if l.Result.Err != nil {
				t.Fatal(l.Result.Err)
			}
			if fleet.Rotated(l.Result) {
				rotated++
			}
		}
		h := w.keeper.Health()
		t.Logf("%.0f runs and %.0f rotations a second; late: %+v", float64(len(w.seen()))/span.Seconds(), float64(rotated)/span.Seconds(), h.Late)
		if h.Late.P99 > time.Second || rotated < users*4/5 {
			t.Errorf("%d rotations in %s, late: %+v", rotated, span, h.Late)
		}
	})
}

// TestKeeperSpreadsASecond: AWS's times are whole seconds, so the runs of a fleet are due at the same moments. They do not begin together,
// or whoever is answered meanwhile would wait for all of them; and still each begins within its second.
func TestKeeperSpreadsASecond(t *testing.T) {
	const users = 60
	inWatch(t, users, awssim.Config{}, func(t *testing.T, w *watch) {
		w.cfg.Jitter = 0
		w.cfg.Concurrency = 2 * users
		w.start()
		time.Sleep(9 * time.Minute)
		w.forget()
		time.Sleep(2 * time.Minute)
		due, together := map[time.Time]int{}, map[time.Time]int{}
		for _, l := range w.seen() {
			due[l.Due]++
			together[l.Due.Add(l.Late).Truncate(100*time.Millisecond)]++
			if l.Late > time.Second {
				t.Errorf("%s was looked at %s late", l.Result.User, l.Late)
			}
		}
		most, atOnce := 0, 0
		for _, n := range due {
			most = max(most, n)
		}
		for _, n := range together {
			atOnce = max(atOnce, n)
		}
		t.Logf("%d runs were due at one moment, and %d began within 100 ms at most", most, atOnce)
		if most < users/4 || atOnce > most/3 {
			t.Errorf("of %d runs that were due at one moment %d began within 100 ms", most, atOnce)
		}
	})
}

// A thousand users that keyturn has never seen, beside forty that it knows: the new ones come at once, and still nobody whose time has
// come waits for all of them. No storm either: the pace is kept.
func TestKeeperManyNewUsers(t *testing.T) {
	inWatch(t, 40, awssim.Config{}, func(t *testing.T, w *watch) {
		w.cfg.Pace.IAM = 20
		w.start()
		time.Sleep(9 * time.Minute)
		for i := range 1000 {
			w.enter(fmt.Sprintf("new-%04d", i), nil)
		}
		if err := w.keeper.Sweep(context.Background()); err != nil {
			t.Fatal(err)
		}
		w.forget()
		time.Sleep(2 * time.Minute) // all forty come due meanwhile
		known, fresh, late := 0, 0, time.Duration(0)
		for _, l := range w.seen() {
			if l.Member.Known {
				known++
				late = max(late, l.Late)
			} else {
				fresh++
			}
		}
		t.Logf("%d known and %d new users in two minutes, the known ones %s late at most", known, fresh, late)
		if known < 40 || fresh < 500 || late > 10*time.Second {
			t.Errorf("%d known users were looked at, up to %s late, and %d new ones", known, late, fresh)
		}
		w.withinPace("with a thousand new users")
	})
}

// unsure is an engine that loses wake-ups, sends them twice, late, for users that nobody asked for, and fails to take them.
type unsure struct {
	*fleet.Plain
	mu  sync.Mutex
	rng *rand.Rand
	n   map[string]int
}

func (e *unsure) draw() (kind int, delay time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.rng.IntN(6), time.Duration(e.rng.IntN(8000)) * time.Millisecond
}

// Run runs each wake-up once, twice, or a while later.
func (e *unsure) Run(ctx context.Context, work func(rotation.User)) error {
	return e.Plain.Run(ctx, func(u rotation.User) {
		switch kind, delay := e.draw(); kind {
		case 0:
			e.count("lost")
		case 1:
			e.count("doubled")
			var both sync.WaitGroup
			both.Go(func() { work(u) })
			work(u)
			both.Wait()
		case 2:
			e.count("late")
			select {
			case <-time.After(delay):
			case <-ctx.Done():
			}
			work(u)
		case 3:
			e.count("false")
			work(rotation.User{Account: u.Account, Name: "nobody"})
			work(u)
		default:
			work(u)
			work(u)
		}
	})
}

func (e *unsure) count(what string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.n[what]++
}

// Wake fails now and then.
func (e *unsure) Wake(ctx context.Context, users []rotation.User) error {
	if kind, _ := e.draw(); kind == 0 {
		e.count("refused")
		return fmt.Errorf("the queue is out of order")
	}
	return e.Plain.Wake(ctx, users)
}

// While somebody else looks after the users no run begins, and seconds after that ends whoever was due is looked at.
func TestKeeperBeginsOnlyWhatIsOurs(t *testing.T) {
	inWatch(t, 20, awssim.Config{}, func(t *testing.T, w *watch) {
		var theirs atomic.Bool
		w.ours = func() bool { return !theirs.Load() }
		w.start()
		time.Sleep(5 * time.Minute)
		theirs.Store(true)
		time.Sleep(30 * time.Second) // for runs under way
		w.forget()
		time.Sleep(20 * time.Minute)
		if n := len(w.seen()); n > 0 {
			t.Errorf("%d runs began", n)
		}
		theirs.Store(false)
		time.Sleep(30 * time.Second)
		w.working("half a minute later", time.Minute)
	})
}

// Wake-ups are hints: lost, doubled, late and false ones change nothing but that some looks come seconds later.
func TestKeeperWakeUpsAreHints(t *testing.T) {
	inWatch(t, 20, awssim.Config{Propagation: 3 * time.Second, Staleness: 5 * time.Second}, func(t *testing.T, w *watch) {
		e := &unsure{Plain: fleet.NewPlain(), rng: rand.New(rand.NewPCG(1, 2)), n: map[string]int{}}
		w.engine = e
		w.start()
		time.Sleep(3 * time.Hour)
		w.working("after three hours", 11*time.Minute)
		runs := map[rotation.User]time.Time{} // end of the last run
		for _, l := range w.seen() {
			began := l.Due.Add(l.Late)
			if l.Late < 0 || began.Before(runs[l.Result.User].Add(-time.Second)) {
				t.Errorf("%s was looked at %s early, or twice at once", l.Result.User, -l.Late)
			}
			runs[l.Result.User] = began.Add(l.Took)
			if l.Late > time.Minute {
				t.Errorf("%s was looked at %s late", l.Result.User, l.Late)
			}
		}
		t.Logf("%v of %d runs", e.n, len(w.seen()))
		for _, what := range []string{"lost", "doubled", "late", "false", "refused"} {
			if e.n[what] < 20 {
				t.Errorf("%d wake-ups were %s", e.n[what], what)
			}
		}
		if n := len(w.seen()); n > 20*18*3+20*3 {
			t.Errorf("%d looks at 20 users in three hours: more than three a rotation", n)
		}
	})
}

// Somebody asks for things all the time, hundreds at once: the runs of the others are hardly later by it.
func TestKeeperBesideManyAsks(t *testing.T) {
	const users = 40
	inWatch(t, users, awssim.Config{}, func(t *testing.T, w *watch) {
		w.cfg.Concurrency = 4
		w.start()
		time.Sleep(9*time.Minute + 50*time.Second)
		office, err := fleet.NewOffice(fleet.OfficeConfig{DB: w.db, Fleet: w.keeper.Fleet,
			Selection: func(context.Context, bool) (fleet.Selection, error) { return w.keeper.Selection(), nil },
			Looked:    func(_ fleet.Member, res reconcile.Result) { w.keeper.Looked(res) }})
		if err != nil {
			t.Fatal(err)
		}
		w.forget()
		end := time.Now().Add(40 * time.Second)
		var all sync.WaitGroup
		asked := w.users[:users/2]
		asks := 400
		if underRace {
			asks = 50
		}
		for i := range asks {
			all.Go(func() {
				for time.Now().Before(end) {
					a := fleet.Ask{User: asked[i%len(asked)], Request: rotation.Request{Kind: rotation.RequestResume}}
					if _, err := office.Do(t.Context(), a); err != nil {
						t.Error(err)
						return
					}
					time.Sleep(time.Second) // some answers take no time at all
				}
			})
		}
		all.Wait()
		runs, late := 0, time.Duration(0)
		for _, l := range w.seen() {
			if !l.Due.IsZero() && !slices.Contains(asked, l.Member.User.Name) {
				runs, late = runs+1, max(late, l.Late)
			}
		}
		t.Logf("%d runs of the others, the latest %s", runs, late)
		if runs < users/2 || late > 3*time.Second {
			t.Errorf("%d runs of the others, the latest %s after its time", runs, late)
		}
	})
}
