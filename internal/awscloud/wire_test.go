package awscloud_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyturn/keyturn/internal/awscloud"
	"github.com/keyturn/keyturn/internal/awssim"
	"github.com/keyturn/keyturn/internal/rotation"
)

// A server that reads the request on a kept-alive connection and closes it: net/http may repeat what it thinks harmless, and
// CreateAccessKey is not.
func TestCreateAccessKeyIsNeverReplayed(t *testing.T) {
	for _, tls := range []bool{false, true} { // with TLS, HTTP/2 is spoken
		var creates, lists atomic.Int64
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			form, _ := url.ParseQuery(string(body))
			if form.Get("Action") == "CreateAccessKey" {
				creates.Add(1)
				panic(http.ErrAbortHandler)
			}
			lists.Add(1)
			_, _ = io.WriteString(rw, "<ListAccessKeysResponse><ListAccessKeysResult><AccessKeyMetadata/></ListAccessKeysResult></ListAccessKeysResponse>")
		}))
		server.EnableHTTP2 = true
		var client *http.Client // nil: the pool that is used for real
		if tls {
			server.StartTLS()
			client = server.Client()
		} else {
			server.Start()
		}
		a := scripted(t, nil, func(c *awscloud.Config) {
			c.Endpoint, c.HTTPClient = server.URL, nil
			if client != nil {
				c.HTTPClient = client
			}
		})
		s := session(t, a, "ci")
		for range 3 { // each on the connection of the list before it
			ok(t, listKeys(s))
			failed(t, create(s), rotation.ErrUnavailable, false)
		}
		server.Close()
		if creates.Load() != 3 || lists.Load() != 3 {
			t.Fatalf("TLS %t: 3 creates were sent as %d, 3 lists as %d", tls, creates.Load(), lists.Load())
		}
	}
}

// A redirect would send the request a second time.
func TestRedirectsAreNotFollowed(t *testing.T) {
	var elsewhere atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	defer other.Close()
	for _, status := range []int{http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect} {
		server := httptest.NewServer(http.RedirectHandler(other.URL, status))
		a := scripted(t, nil, func(c *awscloud.Config) { c.Endpoint, c.HTTPClient = server.URL, nil })
		failed(t, create(session(t, a, "ci")), rotation.ErrUnavailable, false)
		server.Close()
		if elsewhere.Load() != 0 {
			t.Fatalf("CreateAccessKey followed a redirect of status %d", status)
		}
	}
}

func TestNobodyListens(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	a := scripted(t, nil, func(c *awscloud.Config) { c.Endpoint, c.HTTPClient, c.MaxBackoff = server.URL, nil, time.Millisecond })
	err := create(session(t, a, "ci"))
	failed(t, err, rotation.ErrUnavailable, true) // nothing was sent, so nothing happened
	if !strings.Contains(err.Error(), "connection refused") {
		t.Fatal(err)
	}
}

// One user's storm costs nobody else's retries.
func TestRetriesAreNotShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		tries := map[string]int{}
		a := scripted(t, func(r *http.Request) (*http.Response, error) {
			body, _ := io.ReadAll(r.Body)
			form, _ := url.ParseQuery(string(body))
			user := form.Get("UserName")
			mu.Lock()
			tries[user]++
			n := tries[user]
			mu.Unlock()
			if user == "storm" || n%3 != 0 {
				return refusal(r, 400, "Throttling", "Rate exceeded"), nil
			}
			return reply(r, 200, "<ListAccessKeysResponse><ListAccessKeysResult><AccessKeyMetadata/></ListAccessKeysResult></ListAccessKeysResponse>"), nil
		})
		for range 300 { // far beyond the SDK's own budget of retries
			failed(t, listKeys(session(t, a, "storm")), rotation.ErrThrottled, true)
		}
		for range 50 {
			ok(t, listKeys(session(t, a, "calm")))
		}
		if tries["storm"] != 900 {
			t.Fatalf("the storm had %d of its 900 attempts", tries["storm"])
		}
	})
}

// The pace holds for every request, retries included, and never lets two go at once.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		sent := map[string][]time.Time{}
		a := scripted(t, func(r *http.Request) (*http.Response, error) {
			body, _ := io.ReadAll(r.Body)
			form, _ := url.ParseQuery(string(body))
			name := form.Get("Action")
			if name == "GetCallerIdentity" {
				name += " " + strings.Split(r.Header.Get("Authorization"), "/")[2]
			}
			if target := r.Header.Get("X-Amz-Target"); target != "" {
				name = strings.TrimPrefix(target, "secretsmanager.")
			}
			mu.Lock()
			sent[name] = append(sent[name], time.Now())
			mu.Unlock()
			return refusal(r, 400, "Throttling", ""), nil
		}, func(c *awscloud.Config) { c.Pace = awscloud.DefaultPace() })
		var wg sync.WaitGroup
		for range 40 {
			for _, call := range []func(*awscloud.Session) error{listKeys, update, probe, put, move, tag, describe,
				func(s *awscloud.Session) error {
					return s.GetCallerIdentity(bg, "us-east-1", "AKIA0", rotation.NewSensitive("s"))
				}} {
				wg.Go(func() { _ = call(session(t, a, "ci")) })
			}
		}
		wg.Wait()
		for _, group := range []struct {
			rate       float64
			operations []string
			want       int
		}{
			{20, []string{"ListAccessKeys", "UpdateAccessKey"}, 240},
			{50, []string{"GetCallerIdentity eu-west-1"}, 40},
			{50, []string{"GetCallerIdentity us-east-1"}, 40},
			{45, []string{"PutSecretValue", "UpdateSecretVersionStage"}, 240},
			{45, []string{"TagResource"}, 120},
			{200, []string{"DescribeSecret"}, 120},
		} {
			var times []time.Time
			for _, o := range group.operations {
				times = append(times, sent[o]...)
			}
			least, step := time.Hour, time.Duration(float64(second)/group.rate)
			sortTimes(times)
			for i := 1; i < len(times); i++ {
				least = min(least, times[i].Sub(times[i-1]))
			}
			// The limiter's own rounding is below a microsecond.
			if len(times) != group.want || least < step-time.Microsecond {
				t.Errorf("%v: %d requests, want %d, the closest two %s apart, want %s", group.operations, len(times), group.want, least, step)
			}
		}
	})
}

func sortTimes(times []time.Time) {
	for i := range times {
		for j := i; j > 0 && times[j].Before(times[j-1]); j-- {
			times[j], times[j-1] = times[j-1], times[j]
		}
	}
}

// A request whose turn would come after the caller's deadline is not sent, and says so.
func TestTurnTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(awssim.Config{})
		a := simulated(t, w, func(c *awscloud.Config) { c.Pace.IAM = 0.1 })
		ok(t, w.People().CreateUser("ci", "/", nil))
		s := session(t, a, "ci")
		ok(t, listKeys(s))
		ctx, cancel := contextFor(5 * second)
		defer cancel()
		_, err := s.CreateAccessKey(ctx)
		e := failed(t, err, rotation.ErrUnavailable, true)
		if s.Calls() != 1 || w.Counts()["CreateAccessKey"] != 0 || !strings.Contains(e.Detail, "not sent") {
			t.Fatalf("%d calls: %v", s.Calls(), err)
		}
		began := time.Now()
		_, err = s.ListAccessKeys(ctx) // of the calls that are tried again
		if failed(t, err, rotation.ErrUnavailable, true); s.Calls() != 1 || time.Since(began) > 0 {
			t.Fatalf("%d calls, after %s: %v", s.Calls(), time.Since(began), err)
		}
	})
}

// A wrong local clock, by hours or years: the first answer mends it for every service, also for the calls that have no retry.
func TestWrongLocalClock(t *testing.T) {
	for _, off := range []time.Duration{2 * time.Hour, -2 * time.Hour, 26 * 365 * 24 * time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(awssim.Config{Clock: func() time.Time { return time.Now().Add(off) }, Regions: []string{"us-east-1", "eu-west-1"}})
			a := simulated(t, w, func(c *awscloud.Config) { c.Regions = []string{"us-east-1", "eu-west-1"} })
			must(a.Identity(bg))(t)
			before := a.Calls()
			s, key := onboarded(t, w, a, "ci")
			ok(t, s.GetCallerIdentity(bg, "eu-west-1", key.ID, key.Secret))
			failed(t, s.GetCallerIdentity(bg, "eu-west-1", key.ID, rotation.NewSensitive("wrong")), rotation.ErrWrongSecret, true)
			if n := a.Calls() - before; n != 6 {
				t.Errorf("%d requests for 6 calls", n)
			}
			if got := time.Until(a.Now()); (got - off).Abs() > second {
				t.Errorf("AWS's time is off by %s, not %s", got, off)
			}
		})
	}
}

// AWS's time goes on between answers, never back by its whole seconds, and follows a real step.
func TestTimeFollowsAWS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		off := time.Duration(0)
		a := scripted(t, func(r *http.Request) (*http.Response, error) {
			resp := refusal(r, 400, "ValidationError", "no")
			resp.Header.Set("Date", time.Now().Add(off).UTC().Format(http.TimeFormat))
			return resp, nil
		})
		ask := func() *awscloud.Session { s := session(t, a, "ci"); _ = listKeys(s); return s }
		ask()
		start := a.Now()
		time.Sleep(700 * time.Millisecond)
		if got := a.Now().Sub(start); got != 700*time.Millisecond {
			t.Fatalf("after 700 ms, %s passed", got)
		}
		ask()
		if got := a.Now().Sub(start); got < 700*time.Millisecond {
			t.Fatalf("time went back to %s", got)
		}
		off = -time.Hour
		s := ask()
		if got := a.Now().Sub(start); got > -59*time.Minute {
			t.Fatalf("AWS's clock stepped back, ours is at %s", got)
		}
		late := s.Date()
		off = -time.Hour - 3*second
		_ = listKeys(s)
		if s.Date().Before(late) {
			t.Fatal("a run's Date went back")
		}
	})
}

// An answer from a cache on the way does not tell the time.
func TestAgedAnswerTellsNoTime(t *testing.T) {
	a := scripted(t, func(r *http.Request) (*http.Response, error) {
		resp := refusal(r, 400, "ValidationError", "no")
		resp.Header.Set("Age", "100")
		return resp, nil
	})
	if _ = listKeys(session(t, a, "ci")); !a.Now().IsZero() {
		t.Fatal("the time was taken from a cached answer")
	}
}
