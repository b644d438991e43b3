package credentials

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/rotation"
)

// aws is a make-believe AWS that many users have the same version in.
type aws struct {
	mu      sync.Mutex
	version int
	life    time.Duration
	err     error
	span    time.Duration
	reads   int
	most    int // reads at once
	under   int
}

func (a *aws) read(ctx context.Context, u rotation.User, _ fleet.Credential) (fleet.Credential, error) {
	a.mu.Lock()
	a.reads++
	a.under++
	a.most = max(a.most, a.under)
	at := time.Now().Truncate(time.Second)
	c := fleet.Credential{User: u, AccessKeyID: fmt.Sprintf("AKIA%016d", a.version), SecretAccessKey: rotation.NewSensitive(fmt.Sprintf("%040d", a.version)),
		VersionID: fmt.Sprintf("6cca14f8-a089-53ae-b543-%012d", a.version), At: at, Expiration: at.Add(a.life)}
	err, span := a.err, a.span
	a.mu.Unlock()
	defer func() {
		a.mu.Lock()
		a.under--
		a.mu.Unlock()
	}()
	select {
	case <-time.After(span):
	case <-ctx.Done():
		return fleet.Credential{}, ctx.Err()
	}
	if err != nil {
		return fleet.Credential{}, err
	}
	return c, nil
}

func (a *aws) set(change func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	change()
}

func (a *aws) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.reads
}

var app = rotation.User{Account: "123456789012", Name: "app"}

func inCache(t *testing.T, play func(*testing.T, *aws, *Cache)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		a := &aws{version: 1, life: 11*time.Minute + 30*time.Second, span: 20 * time.Millisecond}
		c := New(Config{Read: a.read})
		defer c.Close()
		play(t, a, c)
	})
}

var errDown = &rotation.CallError{Operation: "DescribeSecret", Kind: rotation.ErrUnavailable}

func get(t *testing.T, c *Cache) fleet.Credential {
	t.Helper()
	got, err := c.Get(t.Context(), app)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// A user that is asked for all the time is read about once a minute, one that nobody asks for any more hardly at all, and its credential is
// forgotten once it has expired.
func TestReadsArePerMinuteAndNotPerGet(t *testing.T) {
	inCache(t, func(t *testing.T, a *aws, c *Cache) {
		for end := time.Now().Add(10 * time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
			began := time.Now()
			get(t, c)
			if took := time.Since(began); took > 0 && a.count() > 1 {
				t.Fatalf("a get waited for %s", took)
			}
		}
		if n := a.count(); n < 9 || n > 13 {
			t.Errorf("%d reads in ten minutes", n)
		}
		a.set(func() { a.reads = 0 })
		time.Sleep(2 * time.Hour)
		if n := a.count(); n > 8 {
			t.Errorf("%d reads for nobody", n)
		}
		if c.find(app) != nil {
			t.Error("it is still known")
		}
	})
}

// What a person or another keyturn did is seen within two minutes, and by who asks seldom at once.
func TestAnotherKeyIsSeenSoon(t *testing.T) {
	inCache(t, func(t *testing.T, a *aws, c *Cache) {
		first := get(t, c)
		a.set(func() { a.version = 2 })
		time.Sleep(mostFirm)
		if again := get(t, c); again.AccessKeyID == first.AccessKeyID {
			t.Error("two minutes later the key of before is given out")
		}
	})
}

// A promotion that is heard of is read ahead of the consumer that will come for it; a revoked key is given to nobody from then on, also when
// AWS still names it.
func TestHeard(t *testing.T) {
	inCache(t, func(t *testing.T, a *aws, c *Cache) {
		first := get(t, c)
		time.Sleep(5 * time.Second)
		a.set(func() { a.version = 2 })
		c.Heard(app, "6cca14f8-a089-53ae-b543-000000000002", []string{"AKIA0000000000000001", "AKIA0000000000000002"})
		time.Sleep(time.Second)
		reads := a.count()
		if second := get(t, c); second.AccessKeyID == first.AccessKeyID || a.count() != reads {
			t.Errorf("after %d reads %s is given out", reads, second.AccessKeyID)
		}
		// AWS answers as before, and says otherwise than was heard.
		time.Sleep(50 * time.Second)
		a.set(func() { a.version = 1 })
		c.Heard(app, "6cca14f8-a089-53ae-b543-000000000002", []string{"AKIA0000000000000001", "AKIA0000000000000002"})
		time.Sleep(30 * time.Second)
		for range 100 {
			if got := get(t, c); got.AccessKeyID != "AKIA0000000000000002" {
				t.Fatalf("%s is given out", got.AccessKeyID)
			}
			time.Sleep(100 * time.Millisecond)
		}
		c.Heard(app, "6cca14f8-a089-53ae-b543-000000000003", []string{"AKIA0000000000000003"})
		a.set(func() { a.version = 2 })
		for range 20 {
			got, err := c.Get(t.Context(), app)
			var withheld *fleet.WithheldError
			if !errors.As(err, &withheld) || !got.SecretAccessKey.IsZero() {
				t.Fatalf("a dead key: %+v, %v", got, err)
			}
			time.Sleep(time.Second)
		}
		a.set(func() { a.version = 3 })
		time.Sleep(rest)
		if got := get(t, c); got.AccessKeyID != "AKIA0000000000000003" {
			t.Errorf("%s is given out", got.AccessKeyID)
		}
	})
}

// While AWS does not answer, a good credential is given out without much ado, an error is remembered for a second, and AWS is not asked by
// everyone.
func TestAWSIsDown(t *testing.T) {
	inCache(t, func(t *testing.T, a *aws, c *Cache) {
		a.set(func() { a.err = errDown })
		var failed atomic.Int64
		var all sync.WaitGroup
		for i := range 1000 {
			all.Go(func() {
				time.Sleep(time.Duration(i) * time.Millisecond / 2)
				if _, err := c.Get(t.Context(), app); errors.Is(err, rotation.ErrUnavailable) {
					failed.Add(1)
				}
			})
		}
		all.Wait()
		if failed.Load() != 1000 || a.count() != 1 {
			t.Errorf("%d of 1000 failed, after %d reads", failed.Load(), a.count())
		}
		a.set(func() { a.err = nil })
		time.Sleep(rest)
		get(t, c)

		a.set(func() { a.err, a.reads = errDown, 0 })
		for end := time.Now().Add(5 * time.Minute); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
			began := time.Now()
			get(t, c)
			if took := time.Since(began); took > patience {
				t.Errorf("a get took %s", took)
			}
		}
		if n := a.count(); n > 5*60/5+5 {
			t.Errorf("%d reads in five minutes without an answer", n)
		}
		time.Sleep(7 * time.Minute)
		if _, err := c.Get(t.Context(), app); !errors.Is(err, rotation.ErrUnavailable) {
			t.Errorf("what has expired: %v", err)
		}
	})
}

// However many users are asked for at once, only some reads are under way: the runs need AWS's quota as well.
func TestReadsAreBounded(t *testing.T) {
	inCache(t, func(t *testing.T, a *aws, c *Cache) {
		var all sync.WaitGroup
		for i := range 2000 {
			all.Go(func() {
				if _, err := c.Get(t.Context(), rotation.User{Account: "123456789012", Name: fmt.Sprint("app-", i)}); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if a.most != 32 || a.reads != 2000 {
			t.Errorf("%d reads, %d at once", a.reads, a.most)
		}
	})
}

// Users that were asked for together, as after a start, are not read together again each minute: reads are spread over the minute. Nobody
// waits for one, and no credential is older than what may be given out without waiting.
func TestReadsInTheBackgroundAreSpread(t *testing.T) {
	inCache(t, func(t *testing.T, a *aws, c *Cache) {
		users := make([]rotation.User, 1200)
		for i := range users {
			users[i] = rotation.User{Account: "123456789012", Name: fmt.Sprint("app-", i)}
		}
		ask := func(some []rotation.User) {
			for _, u := range some {
				got, err := c.Get(t.Context(), u)
				if err != nil {
					t.Fatal(err)
				}
				if age := time.Since(got.At); age > mostFirm+time.Second {
					t.Fatalf("a credential that is %s old is given out", age)
				}
			}
		}
		var all sync.WaitGroup
		for some := range slices.Chunk(users, 30) {
			all.Go(func() { ask(some) })
		}
		all.Wait()
		first, most, began := a.count(), 0, time.Now()
		reads := first
		for range 10 * 60 {
			for range 10 {
				ask(users)
				time.Sleep(100 * time.Millisecond)
			}
			n := a.count()
			most, reads = max(most, n-reads), n
		}
		if took := time.Since(began); took != 10*time.Minute {
			t.Errorf("gets waited for %s", took-10*time.Minute)
		}
		// 20 a second would do; 24 is the rate, and some may come together.
		if per := (reads - first) / 600; most > 24+8 || per < 12 || per > 24 {
			t.Errorf("%d reads a second, %d in the worst one", per, most)
		}
	})
}

// A closed cache holds nothing, and a caller that gives up does not end the read of others.
func TestCloseAndCancel(t *testing.T) {
	inCache(t, func(t *testing.T, a *aws, c *Cache) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
		defer cancel()
		if _, err := c.Get(ctx, app); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		time.Sleep(20 * time.Millisecond)
		if get(t, c); a.count() != 1 {
			t.Errorf("%d reads", a.count())
		}
		c.Close()
		if _, err := c.Get(t.Context(), app); !errors.Is(err, ErrClosed) || c.find(app) != nil {
			t.Error(err)
		}
	})
}

// A schedule without a grace gives no time at all: the key is given out as it was read, and read for each.
func TestNoTimeAtAll(t *testing.T) {
	inCache(t, func(t *testing.T, a *aws, c *Cache) {
		a.set(func() { a.life = 0 })
		for i := range 5 {
			if get(t, c); a.count() != i+1 {
				t.Errorf("%d reads for %d gets", a.count(), i+1)
			}
			time.Sleep(time.Second)
		}
	})
}

// The same when the read has to wait for others first: its time begins when it does.
func TestNoTimeAtAllBehindOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &aws{version: 1, span: time.Second}
		c := New(Config{Read: a.read, Reads: 1})
		defer c.Close()
		var all sync.WaitGroup
		for i := range 3 {
			all.Go(func() {
				if _, err := c.Get(t.Context(), rotation.User{Account: "123456789012", Name: fmt.Sprint("app-", i)}); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if a.count() != 3 {
			t.Errorf("%d reads for 3 gets", a.count())
		}
	})
}

// Ten thousand users cost some megabytes, and a get from memory allocates nothing.
func TestMemory(t *testing.T) {
	a := &aws{version: 1, life: time.Hour}
	c := New(Config{Read: a.read})
	defer c.Close()
	users := make([]rotation.User, 10_000)
	for i := range users {
		users[i] = rotation.User{Account: "123456789012", Name: fmt.Sprintf("service-user-%05d", i)}
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for _, u := range users {
		if _, err := c.Get(t.Context(), u); err != nil {
			t.Fatal(err)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if size := after.HeapAlloc - before.HeapAlloc; size > 16<<20 {
		t.Errorf("%d bytes a user", size/10_000)
	}
	if n := testing.AllocsPerRun(1000, func() { _, _ = c.Get(t.Context(), users[77]) }); n > 0 {
		t.Errorf("%v allocations for each get", n)
	}
}

func BenchmarkGet(b *testing.B) {
	a := &aws{version: 1, life: time.Hour}
	c := New(Config{Read: a.read})
	defer c.Close()
	users := make([]rotation.User, 10_000)
	for i := range users {
		users[i] = rotation.User{Account: "123456789012", Name: fmt.Sprintf("service-user-%05d", i)}
		if _, err := c.Get(b.Context(), users[i]); err != nil {
			b.Fatal(err)
		}
	}
	b.RunParallel(func(p *testing.PB) {
		for i := 0; p.Next(); i++ {
			if _, err := c.Get(context.Background(), users[i*7919%len(users)]); err != nil {
				b.Error(err)
			}
		}
	})
}
