package fleet_test

import (
	"slices"
	"testing"
	"time"

	"github.com/keyturn/keyturn/internal/awssim"
	"github.com/keyturn/keyturn/internal/fleet"
)

// away is AWS without some of its services.
func away(services ...string) func(*awssim.Call) awssim.Fate {
	return func(c *awssim.Call) awssim.Fate {
		if slices.Contains(services, c.Service) {
			return awssim.Fate{Delay: 50 * time.Millisecond, FailBefore: awssim.ServiceUnavailable}
		}
		return awssim.Fate{Delay: 20 * time.Millisecond}
	}
}

// tenth is AWS that answers one call in ten of each service.
func tenth() func(*awssim.Call) awssim.Fate {
	n := map[string]int{}
	return func(c *awssim.Call) awssim.Fate {
		n[c.Service]++
		return awssim.Fate{Delay: 20 * time.Millisecond, Throttle: n[c.Service]%10 != 0}
	}
}

// alternating is AWS of which one service after the other is away, for three minutes each.
func alternating() func(*awssim.Call) awssim.Fate {
	began := time.Now()
	services := []string{"iam", "sts", "secretsmanager"}
	return func(c *awssim.Call) awssim.Fate {
		return away(services[int(time.Since(began)/(3*time.Minute))%3])(c)
	}
}

// peaks gives the most calls within any second, by pacer.
func peaks(calls []awssim.Call) map[string]int {
	by := map[string][]time.Time{}
	for _, c := range calls {
		group := c.Service
		switch c.Operation {
		case "PutSecretValue", "UpdateSecretVersionStage":
			group = "secret_writes"
		case "TagResource", "UntagResource":
			group = "secret_tags"
		case "DescribeSecret", "GetSecretValue":
			group = "secret_reads"
		case "CreateSecret", "ListSecretVersionIds":
			group = c.Operation
		}
		by[group] = append(by[group], c.At)
	}
	out := map[string]int{}
	for group, at := range by {
		slices.SortFunc(at, time.Time.Compare)
		from := 0
		for i := range at {
			for at[i].Sub(at[from]) >= time.Second {
				from++
			}
			out[group] = max(out[group], i-from+1)
		}
	}
	return out
}

func (w *watch) withinPace(when string) {
	w.t.Helper()
	got := peaks(w.made())
	p := w.cfg.Pace
	for group, most := range map[string]float64{"iam": float64(p.IAM), "sts": float64(p.STS), "secret_writes": float64(p.SecretWrites),
		"secret_tags": float64(p.SecretTags), "secret_reads": float64(p.SecretReads)} {
		if most > 0 && float64(got[group]) > most+1 {
			w.t.Errorf("%s: %d calls of %s in one second, and the pace is %g", when, got[group], group, most)
		}
	}
}

// wholeFleet fails the test as soon as a consumer of any user would read a key that does not work.
func (w *watch) wholeFleet(span time.Duration) {
	w.t.Helper()
	for until := time.Now().Add(span); time.Now().Before(until); time.Sleep(20 * time.Second) {
		for _, u := range w.users {
			if id, _ := w.current(u); id == "" {
				w.t.Fatalf("consumers of %s read a key that does not work", u)
			}
		}
	}
}

func (w *watch) setFate(f func(*awssim.Call) awssim.Fate) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fate = f
}

// Services of AWS go away for more than an hour, one, some or all of them, or refuse nine calls of ten. No key is retired wrongly (the simulator
// checks), every consumer's key works all the time, and when it is over the fleet catches up: the longest waiting first, within
// the pace, and without waiting for back-offs of as much as an hour.
func TestKeeperOutages(t *testing.T) {
	inWatch(t, 30, awssim.Config{Propagation: 3 * time.Second, Staleness: 5 * time.Second}, func(t *testing.T, w *watch) {
		w.cfg.Pace.IAM, w.cfg.Pace.SecretWrites, w.cfg.Pace.SecretTags = 3, 5, 5 // slow enough that a herd would show
		w.start()
		time.Sleep(20 * time.Minute)
		w.working("at the beginning", 11*time.Minute)
		for _, outage := range []struct {
			name string
			fate func() func(*awssim.Call) awssim.Fate
		}{
			{"IAM", func() func(*awssim.Call) awssim.Fate { return away("iam") }},
			{"STS", func() func(*awssim.Call) awssim.Fate { return away("sts") }},
			{"Secrets Manager", func() func(*awssim.Call) awssim.Fate { return away("secretsmanager") }},
			{"all three", func() func(*awssim.Call) awssim.Fate { return away("iam", "sts", "secretsmanager") }},
			{"one after the other", alternating},
			{"nine of ten refused", tenth},
		} {
			w.setFate(outage.fate())
			w.wholeFleet(100 * time.Minute) // the longest back-off has begun by then
			waiting := w.byAge()
			w.setFate(nil)
			w.forget()
			w.wholeFleet(20 * time.Minute)
			w.working("20 minutes after "+outage.name, 12*time.Minute)
			w.withinPace("after " + outage.name)
			if h := w.keeper.Health(); h.Failing != 0 || h.SweepError != nil {
				t.Errorf("20 minutes after %s: %+v", outage.name, h)
			}
			order := w.rotatedOrder()
			t.Logf("%s: %d of 30 users waited, caught up within %s, %.0f %% out of order, peaks %v", outage.name, len(waiting),
				w.caughtUp(waiting).Round(time.Second), 100*disorder(waiting, order), peaks(w.made()))
			if len(waiting) > 10 && disorder(waiting, order) > 0.25 {
				t.Errorf("after %s the longest waiting did not go first: waiting %v, rotated %v", outage.name, waiting, order)
			}
		}
	})
}

// byAge gives the users whose key is older than it should be, the oldest first.
func (w *watch) byAge() (out []string) {
	made := map[string]time.Time{}
	for _, u := range w.users {
		if _, at := w.current(u); time.Since(at) > 11*time.Minute {
			made[u] = at
			out = append(out, u)
		}
	}
	slices.SortFunc(out, func(a, b string) int { return made[a].Compare(made[b]) })
	return out
}

// rotatedOrder gives the users in the order in which they were rotated first.
func (w *watch) rotatedOrder() (out []string) {
	for _, l := range w.seen() {
		if name := l.Result.User.Name; fleet.Rotated(l.Result) && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// caughtUp is when the last of these users was rotated, from the beginning of the count.
func (w *watch) caughtUp(users []string) time.Duration {
	var last, first time.Time
	seen := map[string]bool{}
	for _, c := range w.made() {
		if first.IsZero() {
			first = c.At
		}
		if c.Operation == "UpdateSecretVersionStage" && slices.Contains(users, c.User) && !seen[c.User] {
			seen[c.User], last = true, c.At
		}
	}
	return last.Sub(first)
}

// disorder is the share of pairs that came in the wrong order.
func disorder(want, got []string) float64 {
	at := map[string]int{}
	for i, u := range got {
		at[u] = i
	}
	wrong, pairs := 0, 0
	for i, a := range want {
		for _, b := range want[i+1:] {
			pairs++
			if at[a] > at[b] {
				wrong++
			}
		}
	}
	if pairs == 0 {
		return 0
	}
	return float64(wrong) / float64(pairs)
}
