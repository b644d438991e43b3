package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyturn/keyturn/internal/awscloud"
	"github.com/keyturn/keyturn/internal/awssim"
	"github.com/keyturn/keyturn/internal/config"
	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/rotation"
	"github.com/keyturn/keyturn/internal/store"
)

// life is a daemon without its sockets, in virtual time: its Keeper, what watches over that, and what is told of it.
type life struct {
	*daemon
	world *awssim.World
	mu    sync.Mutex
	fail  string // code of every answer of AWS's; empty: it works
}

func (l *life) set(code string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fail = code
}

// living plays a daemon with an engine for some users. Fail is what AWS answers to begin with; empty: it works.
func living(t *testing.T, users int, engine fleet.Engine, fail string, play func(*testing.T, *life)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := &life{fail: fail}
		l.world = awssim.New(awssim.Config{Seed: 1, Violation: func(s string) { t.Error(s) }, OnCall: func(*awssim.Call) awssim.Fate {
			l.mu.Lock()
			defer l.mu.Unlock()
			return awssim.Fate{FailBefore: l.fail, Delay: 20 * time.Millisecond}
		}})
		for i := range users {
			if err := l.world.People().CreateUser(fmt.Sprintf("zebra-%d", i), "/service/", nil); err != nil {
				t.Fatal(err)
			}
		}
		cfg := config.Default()
		cfg.History = config.Duration(24 * time.Hour)
		cfg.Region, cfg.Users.Include = "us-east-1", []config.Match{{Path: "/service/"}}
		db, err := store.Open(t.Context(), store.Options{Path: store.Memory, Settle: cfg.Settle.D()})
		if err != nil {
			t.Fatal(err)
		}
		log := slog.New(slog.DiscardHandler)
		l.daemon = &daemon{Config: Config{File: "keyturn.yaml", Listen: "127.0.0.1:0", Settings: cfg, Store: db, Log: log, Steps: log, Version: "v1",
			Load: func(ctx context.Context, c awscloud.Config) (*awscloud.Account, error) {
				id, secret := l.world.RotatorKey()
				c.IgnoreEnvironment, c.Endpoint = true, "http://aws.invalid"
				c.AccessKeyID, c.SecretAccessKey = id, rotation.NewSensitive(secret)
				c.HTTPClient = &http.Client{Transport: l.world.Transport()}
				return awscloud.Load(ctx, c)
			}}, settings: cfg, waiting: "starting"}
		l.metrics = newMetrics("v1", l.watched)
		if l.api, err = l.newAPI(cfg); err != nil {
			t.Fatal(err)
		}
		if err := l.ready(); err == nil || err.Error() != "starting" {
			t.Errorf("before it begins: %v", err)
		}
		seat := db.Seat("test")
		if err := seat.Take(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		k, err := l.newKeeper(t.Context(), engine, seat, nil)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() {
			if err := k.Run(ctx); err != nil {
				t.Error(err)
			}
		})
		all.Go(func() { l.pulse(ctx) })
		all.Go(func() { l.prune(ctx) })
		play(t, l)
		cancel()
		all.Wait()
		if err := seat.GiveUp(); err != nil {
			t.Error(err)
		}
		_ = db.Close()
	})
}

// get asks a page.
func (l *life) get(path, host string) (int, string) {
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Host, r.RemoteAddr = host, "127.0.0.1:40000"
	l.api.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

// TestTroubleInAWSIsNoReasonToBeRestarted: nor is a fleet with nothing to do.
func TestTroubleInAWSIsNoReasonToBeRestarted(t *testing.T) {
	living(t, 20, fleet.NewPlain(), "ServiceUnavailable", func(t *testing.T, l *life) {
		for range 60 {
			time.Sleep(time.Minute)
			if err := l.alive(); err != nil {
				t.Fatal(err)
			}
		}
		if code, text := l.get("/readyz", "127.0.0.1:1"); code != 503 || !strings.Contains(text, "AWS could not be asked which users there are") {
			t.Errorf("while AWS is away: %d %s", code, text)
		}
		if code, _ := l.get("/healthz", "127.0.0.1:1"); code != 200 {
			t.Errorf("while AWS is away it is not alive: %d", code)
		}
		l.set("")
		time.Sleep(10 * time.Minute)
		if code, text := l.get("/readyz", "localhost"); code != 200 || text != "ready\n" {
			t.Errorf("afterwards: %d %s", code, text)
		}
		if text := l.status(); text != "20 under care, 0 at work" {
			t.Errorf("systemd's status line: %s", text)
		}
	})
}

// deaf is an engine that has stopped working without saying so.
type deaf struct{}

func (deaf) Run(ctx context.Context, _ func(rotation.User)) error { <-ctx.Done(); return nil }
func (deaf) Wake(context.Context, []rotation.User) error          { return nil }

func TestAStuckDaemonIsNotAlive(t *testing.T) {
	living(t, 3, deaf{}, "", func(t *testing.T, l *life) {
		time.Sleep(time.Minute)
		if err := l.alive(); err != nil {
			t.Errorf("after a minute: %v", err)
		}
		time.Sleep(2 * time.Minute)
		if code, text := l.get("/healthz", "[::1]:80"); code != 503 || !strings.Contains(text, "nobody is at work") {
			t.Errorf("after three minutes: %d %s", code, text)
		}
	})
}

// TestNothingIsBegunWithoutTheSeat: a daemon whose seat is gone may still be at its loops, until it hears of that.
func TestNothingIsBegunWithoutTheSeat(t *testing.T) {
	living(t, 5, fleet.NewPlain(), "", func(t *testing.T, l *life) {
		time.Sleep(15 * time.Minute)
		if n := l.world.Counts()["CreateAccessKey"]; n < 5 {
			t.Fatalf("%d keys were made with the seat", n)
		}
		if err := l.seat.GiveUp(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute) // what had begun is over
		before := l.world.Counts()
		time.Sleep(time.Hour)
		after := l.world.Counts()
		for _, op := range []string{"CreateAccessKey", "UpdateAccessKey", "DeleteAccessKey", "PutSecretValue", "UpdateSecretVersionStage", "TagResource"} {
			if after[op] != before[op] {
				t.Errorf("without the seat: %d %s", after[op]-before[op], op)
			}
		}
	})
}

// TestMetricsTellWhatHappened, and name nobody.
func TestMetricsTellWhatHappened(t *testing.T) {
	living(t, 10, fleet.NewPlain(), "", func(t *testing.T, l *life) {
		time.Sleep(22 * time.Minute) // each key is made, replaced twice at most, and one is deactivated and deleted
		made := l.world.Counts()["CreateAccessKey"]
		code, text := l.get("/metrics", "127.0.0.1")
		if code != 200 {
			t.Fatalf("%d %s", code, text)
		}
		for _, want := range []string{
			fmt.Sprintf("keyturn_rotations_total %d", made),
			fmt.Sprintf("keyturn_deletions_total %d", l.world.Counts()["DeleteAccessKey"]),
			fmt.Sprintf("keyturn_deactivations_total %d", l.world.Counts()["UpdateAccessKey"]),
			`keyturn_users{standing="fine"} 10`, "keyturn_active 1", "keyturn_overdue_seconds 0",
			`keyturn_lateness_seconds_bucket{le="1"} `, `keyturn_build_info{go="`,
			fmt.Sprintf(`keyturn_aws_calls_total{outcome="ok",quota="secret_reads"} %d`, l.world.Counts()["DescribeSecret"]-10), // ten did not exist
			`keyturn_aws_calls_total{outcome="refused",quota="secret_reads"} 10`,
		} {
			if !strings.Contains(text, "\n"+want) {
				t.Errorf("/metrics lacks %q", want)
			}
		}
		if made < 20 {
			t.Errorf("only %d keys were made", made)
		}
		for _, never := range []string{"zebra", "AKIA", "123456789012"} {
			if strings.Contains(text, never) {
				t.Errorf("/metrics names %q", never)
			}
		}
		l.set("Throttling")
		time.Sleep(10 * time.Minute)
		_, text = l.get("/metrics", "127.0.0.1")
		if strings.Contains(text, "keyturn_overdue_seconds 0\n") || strings.Contains(text, "keyturn_users_overdue 0\n") ||
			!strings.Contains(text, `keyturn_failures_total{reason="throttled"}`) || strings.Contains(text, `keyturn_aws_throttles_total{quota="iam"} 0`) {
			t.Errorf("rotations are late, and the metrics do not show it:\n%s", text)
		}
	})
}

func TestOnlyThisMachineIsAnswered(t *testing.T) {
	l := &life{daemon: &daemon{Config: Config{Log: slog.New(slog.DiscardHandler), Listen: "127.0.0.1:0"}, waiting: "x"}}
	l.metrics = newMetrics("", l.watched)
	var err error
	if l.api, err = l.newAPI(config.Default()); err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]int{"127.0.0.1:9847": 200, "localhost:9847": 200, "[::1]:9847": 200, "rebound.example:9847": 403, "": 403} {
		if code, _ := l.get("/healthz", host); code != want {
			t.Errorf("a request to %q gets %d, want %d", host, code, want)
		}
	}
}

// TestHistoryIsBounded: what is older than the settings want goes, and the daemon goes on.
func TestHistoryIsBounded(t *testing.T) {
	living(t, 1, fleet.NewPlain(), "", func(t *testing.T, l *life) {
		for range 32 {
			err := l.Store.RecordAccess(context.Background(), store.Access{At: time.Now(), Caller: "key", User: rotation.User{Name: "zebra-0"}})
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Hour)
		}
		accesses, err := l.Store.Accesses(context.Background(), store.AccessQuery{Limit: 100_000})
		if err != nil || len(accesses) < 23 || len(accesses) > 25 {
			t.Errorf("%d accesses are left of 32, one an hour; %v", len(accesses), err)
		}
		oldest := time.Now()
		events, err := l.Store.Events(context.Background(), store.Query{Limit: 100_000})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			if e.At.Before(oldest) {
				oldest = e.At
			}
		}
		if age := time.Since(oldest); age < 23*time.Hour || age > 25*time.Hour {
			t.Errorf("the oldest of %d events is %s old", len(events), age)
		}
	})
}
