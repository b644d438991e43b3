package demo

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
)

// Stale answers and keys that take long to propagate are no consumer's trouble, neither at the first key nor later. At this
// speed both last long enough to hit whoever does not reckon with them.
func TestConsumersNeverFail(t *testing.T) {
	t.Parallel()
	st, err := open(t.Context(), Options{Speed: 6, Once: true, Out: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	defer st.end()
	enough := func() bool { return st.audience.calls.Load()+st.audience.failures.Load() >= 400 }
	if err := st.play(t.Context(), t.Context(), enough); err != nil {
		t.Fatal(err)
	}
	if n := st.audience.failures.Load(); n > 0 {
		t.Errorf("%d consumer calls failed:", n)
		for _, e := range st.board.events() {
			t.Log(e)
		}
	}
	if v := st.world.sim.Violations(); len(v) > 0 {
		t.Error(v)
	}
	seats := 0
	for _, p := range cast {
		if p.old < 2 {
			seats += p.consumers
		}
	}
	if got := st.audience.seats.Load(); got != int64(seats) {
		t.Errorf("%d consumers have a seat, not %d", got, seats)
	}
}

// Once users have their first keys, an application is given each by the API.
func TestAPIGivesKeys(t *testing.T) {
	t.Parallel()
	st, err := open(t.Context(), Options{Speed: 60, Once: true, Out: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	defer st.end()
	var told Access
	st.serving = func(a Access) error { told = a; return nil }
	over, end := context.WithCancel(t.Context())
	defer end()
	played := make(chan error, 1)
	go func() { played <- st.play(t.Context(), over, func() bool { return told.APIKey != "" }) }()
	if err := <-played; err != nil {
		t.Fatal(err)
	}
	if len(told.ContainerURLs) != len(cast)-1 { // one comes with two keys that nobody knows
		t.Errorf("%d users are served: %v", len(told.ContainerURLs), told.ContainerURLs)
	}
	for user, url := range told.ContainerURLs {
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		r.Header.Set("Authorization", told.APIKey)
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if res.StatusCode != http.StatusOK || !strings.Contains(string(body), `"AccessKeyId":"AKIA`) {
			t.Errorf("%s: %d %s", user, res.StatusCode, body)
		}
	}
}

// Nothing is left behind.
func TestEndCleansUp(t *testing.T) {
	t.Parallel()
	st, err := open(t.Context(), Options{Speed: 60, Out: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(st.env); err != nil || !strings.Contains(string(text), "export AWS_ENDPOINT_URL="+st.world.endpoint) {
		t.Errorf("the file to source holds %q: %v", text, err)
	}
	st.end()
	if _, err := os.Stat(st.env); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is still there: %v", st.env, err)
	}
}

// The exit code of --once hangs on this.
func TestSummaryErr(t *testing.T) {
	for _, c := range []struct {
		sum  Summary
		want string
	}{
		{Summary{Calls: 1000}, ""},
		{Summary{Calls: 1000, Failures: 2}, "2 of 1000 consumer calls failed"},
		{Summary{Violations: 1, Broken: []string{"retire: too early"}}, "retire: too early"},
	} {
		err := c.sum.Err()
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v gives %v, not %q", c.sum, err, c.want)
		}
	}
}
