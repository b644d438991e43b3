package simulation

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyturn/keyturn/internal/awssim"
	"github.com/keyturn/keyturn/internal/reconcile"
	"github.com/keyturn/keyturn/internal/rotation"
	"github.com/keyturn/keyturn/internal/store"
)

// captured is everything that was written somewhere, by who wrote it.
type captured struct {
	mu    sync.Mutex
	keys  []string // secret parts of API keys
	texts map[string]*bytes.Buffer
}

func newCaptured() *captured { return &captured{texts: map[string]*bytes.Buffer{}} }

func (c *captured) add(where, format string, args ...any) {
	fmt.Fprintf(c.writer(where), format+"\n", args...)
}

// writer appends to one place, from any goroutine.
func (c *captured) writer(where string) *place { return &place{c, where} }

type place struct {
	c     *captured
	where string
}

func (p *place) Write(b []byte) (int, error) {
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	if p.c.texts[p.where] == nil {
		p.c.texts[p.where] = &bytes.Buffer{}
	}
	return p.c.texts[p.where].Write(b)
}

// value adds a value in every way in which Go prints one.
func (c *captured) value(where string, v any) {
	c.add(where, "%v\n%+v\n%#v\n%s\n%q\n%x", v, v, v, v, v, v)
	text, err := json.Marshal(v)
	c.add(where, "%s %v", text, err)
	slog.New(slog.NewJSONHandler(c.writer(where), &slog.HandlerOptions{Level: slog.LevelDebug})).Debug("value", "v", v)
	slog.New(slog.NewTextHandler(c.writer(where), nil)).Info("value", "v", v)
}

// failure adds an error and everything that it wraps.
func (c *captured) failure(where string, err error) {
	for ; err != nil; err = errors.Unwrap(err) {
		c.value(where, err)
		var several interface{ Unwrap() []error }
		if errors.As(err, &several) {
			for _, e := range several.Unwrap() {
				c.failure(where, e)
			}
		}
	}
}

// files adds every file of a folder, and every row of each database in it: a long value is cut up in the file.
func (c *captured) files(t *testing.T, dir string) {
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		_, _ = c.writer("file " + filepath.Base(path)).Write(data)
		if filepath.Ext(path) == ".db" {
			return c.rows(path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// open adds the files beside the databases that exist only while those are open: the write-ahead log, with what was overwritten since.
func (c *captured) open(t *testing.T, dir string) {
	logs, err := filepath.Glob(filepath.Join(dir, "*-wal"))
	if err != nil || len(logs) == 0 {
		t.Errorf("no write-ahead log stands beside the open databases: %v", err)
	}
	for _, path := range logs {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Error(err)
		}
		_, _ = c.writer("write-ahead logs").Write(data)
	}
}

func (c *captured) rows(path string) error {
	db, err := sql.Open("sqlite", path)
	if err != nil {
		return err
	}
	defer db.Close()
	tables, err := namesIn(db, "SELECT name FROM sqlite_master WHERE type = 'table'")
	if err != nil {
		return err
	}
	for _, table := range tables {
		rows, err := db.Query(`SELECT * FROM "` + table + `"`)
		if err != nil {
			return err
		}
		columns, _ := rows.Columns()
		for rows.Next() {
			values, into := make([]any, len(columns)), make([]any, len(columns))
			for i := range values {
				into[i] = &values[i]
			}
			if err := rows.Scan(into...); err != nil {
				return err
			}
			c.add("rows of "+table, "%v %s", values, values)
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return err
		}
	}
	return nil
}

func namesIn(db *sql.DB, query string) (out []string, err error) {
	rows, err := db.Query(query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, rows.Err()
}

// search fails the test where the mark is found, after it was planted in each place and found there. Every place named must hold
// something.
func (c *captured) search(t *testing.T, places ...string) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	total := 0
	for _, where := range places {
		if c.texts[where] == nil || c.texts[where].Len() == 0 {
			t.Errorf("nothing was captured in %q", where)
		}
	}
	for where, text := range c.texts {
		total += text.Len()
		middle := text.Len() / 2
		with := append(append(bytes.Clone(text.Bytes()[:middle]), mark...), text.Bytes()[middle:]...)
		if len(findCanary(with)) == 0 {
			t.Errorf("a copy planted in %q was not found", where)
		}
		if found := findCanary(text.Bytes()); len(found) > 0 {
			t.Errorf("a secret access key stands in %q:\n%s", where, strings.Join(found[:min(4, len(found))], "\n"))
		}
		for _, key := range c.keys {
			forms := formsOf(key)
			if len(findIn(append(bytes.Clone(text.Bytes()), key...), forms, 0)) == 0 {
				t.Errorf("an API key planted in %q was not found", where)
			}
			if found := findIn(text.Bytes(), forms, 3); len(found) > 0 {
				t.Errorf("an API key stands in %q:\n%s", where, strings.Join(found[:min(4, len(found))], "\n"))
			}
		}
	}
	fmt.Fprintf(os.Stdout, "canary: %d places, %d bytes searched\n", len(c.texts), total)
}

// marked makes a world whose secrets bear the mark, whose database is a file, and of which everything is captured.
func marked(seed uint64, o options, dir string, c *captured, stores *[]*store.Store) *world {
	o.journal = func() reconcile.Journal {
		s, err := store.Open(context.Background(), store.Options{Settle: rotation.DefaultLimits().Settle,
			Path: filepath.Join(dir, fmt.Sprintf("%d-%d.db", seed, len(*stores)))})
		if err != nil {
			panic(err)
		}
		*stores = append(*stores, s)
		return s
	}
	w := newWorld(seed, o)
	w.proc.cancel()
	w.sim = awssim.New(awssim.Config{Account: account, Regions: w.regions, Seed: seed, Propagation: o.propagation, Staleness: o.stale,
		Clock: w.now, PageSize: o.pages, Rates: awssim.Rates{Unlimited: true}, OnCall: w.onCall, SecretMark: mark,
		Violation: func(s string) { w.fail("%s", s) }})
	_ = w.sim.People().CreateUser(username, "/service/", nil)
	w.userID = w.sim.Users()[w.index()].ID
	w.care(nil)
	w.loud(c)
	w.onRun = func(r reconcile.Result) {
		c.value("results", r)
		c.value("observations", r.Observation)
		c.value("keys", r.Keys)
		c.value("actions", r.Actions)
		c.failure("errors", r.Err)
		if w.proc.dead.Load() {
			w.loud(c)
			if w.rng.IntN(4) == 0 {
				w.journal = w.fresh()
			}
		}
	}
	return w
}

// loud boots a process that logs everything.
func (w *world) loud(c *captured) {
	w.boot()
	both := slog.NewMultiHandler(slog.NewJSONHandler(c.writer("log"), &slog.HandlerOptions{Level: slog.LevelDebug, AddSource: true}),
		slog.NewTextHandler(c.writer("log as text"), &slog.HandlerOptions{Level: slog.LevelDebug}))
	w.proc.rec.Log = slog.New(both)
}

// badValues are what people put into a secret by mistake, with a working secret access key in it.
func badValues(id, secret string) []string {
	return []string{
		fmt.Sprintf(`{"AccessKeyId":%q,"SecretAccessKey":%q`, id, secret),              // cut off
		fmt.Sprintf(`{"AccessKeyId":%q,"SecretAccessKey":%q,}`, id, secret),            // a comma too many
		fmt.Sprintf(`{"AccessKeyId":%q,"SecretAccessKey":{"x":%q}}`, id, secret),       // nested
		fmt.Sprintf(`{"AccessKeyId":%q,%q:"SecretAccessKey"}`, id, secret),             // name and value swapped
		fmt.Sprintf(`{"aws_access_key_id":%q,"aws_secret_access_key":%q}`, id, secret), // other names
		fmt.Sprintf(`{"AccessKeyId":%q,"SecretAccessKey":%q,"n":1,"n":2}`, id, secret), // a field twice
		secret, `"` + secret + `"`, `["` + secret + `"]`, id + ":" + secret, id + "=" + secret + "\n",
		fmt.Sprintf(`{"AccessKeyId":%q,"SecretAccessKey":%q}`, secret, id), // the two swapped
	}
}

// mistake lets a person put one of the bad values, and later the good one again.
func (w *world) mistake(n int) {
	s, ok := w.secret()
	if !ok || s.pendingDeletion() || s.stage(rotation.StageCurrent) == "" {
		return
	}
	good := s.value(s.stage(rotation.StageCurrent))
	k, ok := w.key(keyIDOf(good))
	if !ok {
		return
	}
	bad := badValues(k.ID, k.Secret)
	w.disturb(k.ID)
	_ = w.sim.People().PutSecretValue(secretName, bad[n%len(bad)])
	w.notYet = time.Now().Add(staleness + time.Second)
	w.after(12*time.Minute, func() { _ = w.sim.People().PutSecretValue(secretName, good+" ") })
}

// prove lets the verification of new keys fail in all the ways that there are.
func (w *world) prove(c *awssim.Call) (awssim.Fate, bool) {
	if c.Operation != "GetCallerIdentity" || c.Rotator || w.rng.IntN(12) > 0 {
		return awssim.Fate{}, false
	}
	codes := []string{"SignatureDoesNotMatch", "InvalidClientTokenId", "AccessDenied", "ServiceFailure", "ExpiredToken", "Throttling",
		"RegionDisabledException", "IncompleteSignature"}
	return awssim.Fate{FailBefore: codes[w.rng.IntN(len(codes))]}, true
}

// TestCanary: no secret access key is ever in a log, an error, a result, an event or the database: worlds in which everything goes
// wrong are lived through, everything that they leave is searched.
func TestCanary(t *testing.T) {
	dir := t.TempDir()
	c := newCaptured()
	logged, into := slog.Default(), log.Writer()
	slog.SetDefault(slog.New(slog.NewJSONHandler(c.writer("default log"), &slog.HandlerOptions{Level: slog.LevelDebug})))
	log.SetOutput(c.writer("default log"))
	t.Cleanup(func() { slog.SetDefault(logged); log.SetOutput(into) })
	slog.Info("so that this place holds something")
	kinds, refusals := map[string]int{}, 0
	for seed := uint64(1); seed <= 6; seed++ {
		synctest.Test(t, func(t *testing.T) {
			var stores []*store.Store
			w := marked(seed, options{stale: staleness, propagation: 8 * time.Second, regions: []string{"us-east-1", "eu-west-1"}}, dir, c,
				&stores)
			w.people = true
			w.fault = func(w *world, call *awssim.Call) awssim.Fate {
				if fate, ok := w.prove(call); ok {
					refusals++
					return fate
				}
				if w.rng.IntN(10) > 0 || !call.Rotator {
					return awssim.Fate{}
				}
				kind := faultKinds[w.rng.IntN(len(faultKinds))]
				for !applies(kind, call.Operation) {
					kind = faultKinds[w.rng.IntN(len(faultKinds))]
				}
				kinds[kind]++
				return w.fate(kind)
			}
			time.Sleep(2 * staleness)
			w.live()
			w.after(time.Hour, w.disturbLoop)
			for n := range 12 {
				w.after(time.Duration(25+50*n)*time.Minute, func() { w.mistake(n + int(seed)) })
				w.after(time.Duration(50+50*n)*time.Minute, func() { w.ask(rotation.Request{Kind: rotation.RequestRollback}) })
				w.after(time.Duration(60+50*n)*time.Minute, func() { w.ask(rotation.Request{Kind: rotation.RequestResume}) })
			}
			w.after(200*time.Minute, func() { w.sim.People().SetKMSBroken(true) })
			w.after(220*time.Minute, func() { w.sim.People().SetKMSBroken(false) })
			w.after(260*time.Minute, func() { w.sim.People().DisableRegion("eu-west-1") })
			w.after(280*time.Minute, func() { w.sim.People().EnableRegion("eu-west-1") })
			for until := w.start.Add(11 * time.Hour); time.Now().Before(until); {
				w.play(until)
				w.broken = nil // the safety rules are the other tests' matter: here people break more than may be broken
			}
			c.leftovers(t, w, stores)
			c.open(t, dir)
			w.proc.cancel()
			for _, s := range stores {
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			}
			synctest.Wait()
		})
	}
	c.files(t, dir)
	for _, kind := range faultKinds {
		if kinds[kind] < 5 {
			t.Errorf("%d faults of the kind %s: these worlds prove little", kinds[kind], kind)
		}
	}
	if refusals < 20 {
		t.Errorf("%d verifications failed: these worlds prove little", refusals)
	}
	c.search(t, "log", "log as text", "results", "observations", "errors", "events", "standings", "sessions", "new keys", "actions",
		"file 1-0.db", "write-ahead logs", "rows of events", "rows of outcomes", "rows of users")
}

// leftovers captures what a world leaves: its databases while they are open, and the values that hold a secret.
func (c *captured) leftovers(t *testing.T, w *world, stores []*store.Store) {
	ctx := context.Background()
	for _, s := range stores {
		lines, err := s.Events(ctx, store.Query{Limit: 100_000})
		if err != nil {
			t.Error(err)
		}
		for _, l := range lines {
			c.value("events", l)
		}
		for st, err := range s.Standings(ctx) {
			c.value("standings", st)
			c.failure("errors", err)
		}
		c.value("stores", s)
	}
	c.value("sessions", w.session(w.proc))
	c.value("accounts", w.proc.cloud)
	c.value("reconcilers", *w.proc.rec)
	c.value("reconcilers", reconcile.Task{User: w.user, UserID: w.userID, Schedule: w.schedule, Cloud: w.session(w.proc)})
	for _, k := range w.sim.Keys(username) {
		made := rotation.NewKey{ID: k.ID, Secret: rotation.NewSensitive(k.Secret), Created: k.Created}
		c.value("new keys", made)
		c.value("new keys", &made)
		c.value("new keys", made.Secret)
		c.value("new keys", []any{map[string]any{"key": made}, &made.Secret})
	}
}
