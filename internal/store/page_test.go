package store

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/keyturn/keyturn/internal/rotation"
)

const longHistory = 150_000

// inLongHistory has so many actions on record, of a thousand users who take turns; alice had two of them, and 300 users had none.
func inLongHistory(t *testing.T) *Store {
	t.Helper()
	s := must(Open(t.Context(), Options{Path: filepath.Join(t.TempDir(), "keyturn.db")}))(t)
	t.Cleanup(func() { _ = s.Close() })
	for _, query := range []string{
		`INSERT INTO events WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ` + fmt.Sprint(longHistory) + `)
			SELECT i, 0, '111122223333', 'user-' || (i % 1000), i, 'verify', 'due', 'AKIAIOSFODNN7EXAMPLE', '', '' FROM n`,
		`UPDATE events SET name = 'alice' WHERE id IN (3, 75000)`,
		`INSERT INTO outcomes SELECT id, id, at, 'done', '', 'verified after two tries' FROM events`,
		`INSERT INTO users (account, name) SELECT DISTINCT account, name FROM events`,
		`INSERT INTO users (account, name) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300)
			SELECT '111122223333', 'quiet-' || i FROM n`,
	} {
		if _, err := s.file.write.ExecContext(t.Context(), query); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// named takes users whose names begin with one of these.
func named(prefixes ...string) func(rotation.User) bool {
	return func(u rotation.User) bool {
		for _, p := range prefixes {
			if strings.HasPrefix(u.Name, p) {
				return true
			}
		}
		return false
	}
}

// paged reads from the beginning to the end, and gives the runs and how many pages that were.
func paged(t *testing.T, s *Store, q PageQuery) (out []string, pages int) {
	t.Helper()
	for q.After = -1; ; pages++ {
		p := must(s.Page(t.Context(), q))(t)
		if out = append(out, runs(p.Lines)...); len(p.Lines) == 0 && !p.More {
			return out, pages
		}
		if p.Next <= q.After {
			t.Fatalf("on from %d to %d", q.After, p.Next)
		}
		q.After = p.Next
	}
}

// However long the history and whoever is wanted, one page costs little, and all pages together miss nothing.
func TestPagesOfALongHistory(t *testing.T) {
	s := inLongHistory(t)
	var sevens, thirties []string
	thirty := named("user-21", "user-22", "user-23") // and 30 more
	for i := range longHistory + 1 {
		if i%1000 == 7 {
			sevens = append(sevens, fmt.Sprint(i))
		}
		if thirty(rotation.User{Name: fmt.Sprint("user-", i%1000)}) {
			thirties = append(thirties, fmt.Sprint(i))
		}
	}
	alices := []string{"3", "75000"}
	seven := rotation.User{Account: alice.Account, Name: "user-7"}
	sevenAmongMany := func(u rotation.User) bool { return u == seven || named("quiet-")(u) }
	for name, c := range map[string]struct {
		q             PageQuery
		ended, newest []string
		pages         int // at most
	}{
		"nobody":                    {PageQuery{Of: named("nobody")}, nil, nil, 1},
		"a few":                     {PageQuery{Of: named("alice")}, alices, alices, 2},
		"one by name":               {PageQuery{Users: []rotation.User{alice}}, alices, alices, 2},
		"one that may not be seen":  {PageQuery{Users: []rotation.User{alice}, Of: named("user-")}, nil, nil, 1},
		"one with many lines":       {PageQuery{Users: []rotation.User{seven}, Limit: 7}, sevens, sevens[143:], 25},
		"many, most without a line": {PageQuery{Of: named("alice", "quiet-")}, alices, nil, 10},
		"many, by a search":         {PageQuery{Of: sevenAmongMany, Limit: 7}, sevens, sevens[143:], 35},
		"as many as are few":        {PageQuery{Of: thirty}, thirties, thirties[len(thirties)-100:], 55},
	} {
		t.Run(name, func(t *testing.T) {
			got, pages := paged(t, s, c.q)
			same(t, got, c.ended)
			if pages > c.pages {
				t.Errorf("%d pages, want %d at most", pages, c.pages)
			}
			p := must(s.Page(t.Context(), c.q))(t)
			same(t, runs(p.Lines), c.newest)
			same(t, p.Next, int64(longHistory))
			for _, from := range []int64{0, -1} {
				c.q.After = from
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				_ = must(s.Page(t.Context(), c.q))(t)
				runtime.ReadMemStats(&after)
				if mb := float64(after.TotalAlloc-before.TotalAlloc) / (1 << 20); mb > 15 {
					t.Errorf("a page from %d allocates %.1f MB", from, mb)
				}
			}
		})
	}
}

// Only so many search at a time. Whoever waits for that leaves when its time is over; runs read meanwhile, and so does whoever follows.
func TestSearchesTakeTurns(t *testing.T) {
	s := inLongHistory(t)
	for range scanTurns {
		leave := must(s.scans.enter(t.Context()))(t)
		defer leave()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := s.Page(ctx, PageQuery{Of: named("quiet-"), After: -1}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a third search: %v", err)
	}
	_, known, err := s.Standing(t.Context(), alice)
	if ok(t, err); !known {
		t.Error("alice is not known")
	}
	p := must(s.Page(t.Context(), PageQuery{Of: named("user-"), After: longHistory - 1}))(t)
	same(t, runs(p.Lines), []string{fmt.Sprint(longHistory)})
}
