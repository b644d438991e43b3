package demo

import (
	"errors"
	"io"
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
		_, events := st.board.snapshot()
		t.Errorf("%d consumer calls failed:", n)
		for _, e := range events {
			t.Log(st.board.line(e))
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
