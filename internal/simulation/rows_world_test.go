package simulation

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/keyturn/keyturn/internal/awssim"
)

// The tests TestRow… are situations in which other rotators lose keys, each a world of its own: the situation is brought about,
// what must not happen is asserted at every call or every few seconds, and the user must go on being rotated afterwards.

// row plays one situation and reports what broke.
func row(t *testing.T, o options, play func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(11, o)
		play(w)
		if len(w.broken) > 0 {
			t.Errorf("%s\n%s", strings.Join(w.broken, "\n"), strings.Join(w.trace[max(0, len(w.trace)-60):], "\n"))
		}
		w.proc.cancel()
		synctest.Wait()
	})
}

// untilMinute plays up to so many minutes after the start.
func (w *world) untilMinute(m float64) { w.play(w.start.Add(time.Duration(m * float64(time.Minute)))) }

// settled lives through the first nine minutes: the user has its first key, which is due in one minute.
func (w *world) settled() (first string) {
	time.Sleep(2 * staleness) // nobody's answer may be from before the user was made
	w.live()
	w.untilMinute(9)
	if first = w.currentKey(); first == "" || !w.currentWorks() || len(w.sim.Keys(username)) != 1 {
		w.fail("after nine minutes the user does not have one working current key")
	}
	return first
}

// every repeats something, first after the time d, until the agenda ends.
func (w *world) every(d time.Duration, do func()) {
	w.after(d, func() {
		do()
		w.every(d, do)
	})
}

// strike lets the next calls of an operation by keyturn on the user meet a fate, each a new one; how many it hit is counted.
// Zero times lets all of them meet it.
func (w *world) strike(operation string, times int, fate func() awssim.Fate) (hits *int) {
	hits = new(int)
	before := w.fault
	w.fault = func(w *world, c *awssim.Call) awssim.Fate {
		_, about := w.key(c.KeyID) // GetAccessKeyLastUsed names no user
		if (about || c.User == username) && c.Operation == operation && (times == 0 || *hits < times) {
			*hits++
			w.note("fault on %s", operation)
			return fate()
		}
		if before != nil {
			return before(w, c)
		}
		return awssim.Fate{}
	}
	return hits
}

// strikeKind is strike with one of the kinds of faults.
func (w *world) strikeKind(operation string, times int, kind string) (hits *int) {
	return w.strike(operation, times, func() awssim.Fate { return w.fate(kind) })
}

// key is a key of the user as it truly is.
func (w *world) key(id string) (awssim.Key, bool) {
	for _, k := range w.sim.Keys(username) {
		if k.ID == id {
			return k, true
		}
	}
	return awssim.Key{}, false
}

// mustBeActive fails the world when a key that nobody may touch was touched.
func (w *world) mustBeActive(id, what string) {
	if !w.keyWorks(id) {
		w.fail("%s, %s, is not Active any more", what, id)
	}
}

// others are the ids of the user's keys but these.
func (w *world) others(ids ...string) (out []string) {
	for _, k := range w.sim.Keys(username) {
		if !strings.Contains(strings.Join(ids, " "), k.ID) {
			out = append(out, k.ID)
		}
	}
	return out
}

// inUse lets the key be used by a service every ten minutes while the condition holds.
func (w *world) inUse(id, service, region string, while func() bool) {
	use := func() {
		if while() {
			_ = w.sim.People().UseKey(id, service, region) // a key that is gone is used no more
		}
	}
	use()
	w.every(10*time.Minute, use)
}

// paired reports whether the value that consumers read holds a key of the user together with its own secret.
func (w *world) paired() bool {
	s, ok := w.secret()
	if !ok || s.stage("AWSCURRENT") == "" {
		return true // nothing is handed out yet
	}
	var v struct{ AccessKeyId, SecretAccessKey string }
	if json.Unmarshal([]byte(s.value(s.stage("AWSCURRENT"))), &v) != nil {
		return false
	}
	k, ok := w.key(v.AccessKeyId)
	return ok && k.Secret == v.SecretAccessKey
}

// call signs one real request with a key, as a consumer's program does, and does not try again.
func call(sim *awssim.World, region, id, secret string) error {
	c := sts.New(sts.Options{
		Region: region, BaseEndpoint: aws.String("http://127.0.0.1:4566"), HTTPClient: &http.Client{Transport: sim.Transport()},
		Retryer: aws.NopRetryer{}, Credentials: credentials.NewStaticCredentialsProvider(id, secret, ""),
	})
	_, err := c.GetCallerIdentity(context.Background(), &sts.GetCallerIdentityInput{})
	return err
}
