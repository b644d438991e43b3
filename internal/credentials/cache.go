package credentials

import (
	"context"
	"errors"
	"hash/maphash"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/rotation"
)

// Config is what a Cache is made of.
type Config struct {
	// Read reads a user's credential from AWS; held is the one that the cache has, or the zero one, whose value need not be read again
	// when it is still the current version. A *fleet.WithheldError or *fleet.UnknownUserError means that nothing may be given out; every
	// other error, that it is not known. Needed.
	Read func(ctx context.Context, u rotation.User, held fleet.Credential) (fleet.Credential, error)
	// Within bounds one read, its waits for others included. Zero: 30 s.
	Within time.Duration
	// Reads is how many reads are under way at once for those who wait for them; a quarter of it each for those in the background and
	// those ahead of an Expiration. They share AWS's quota with the runs. Zero: 32.
	Reads int
}

const (
	// mostFresh and mostFirm bound the age of what is given out while AWS answers. What the runs of this process do is heard of at once, so
	// they count for what others do: people who edit the secret, another keyturn. Shorter would cost: 10,000 users asked for all the
	// time are 10,000 DescribeSecrets in each mostFirm, of the 200 a second that the runs need as well.
	mostFresh = time.Minute
	mostFirm  = 2 * time.Minute
	// patience is how long a reader waits for a new read while what is held is good: botocore gives up after 2 s.
	patience = time.Second
	// rest is for how long a failed read is not tried again: with nothing held, and doubled with each failure up to mostRest otherwise.
	rest     = time.Second
	mostRest = 5 * time.Second
	// unsure is for how long AWS may answer as before what was heard. Settle is a minute by default.
	unsure = time.Minute
	// beat is how often what is held is looked through.
	beat = time.Second
	// slack is how much faster reads in the background go than is needed for each to come while what is held is firm. Without such a rate
	// users that were read together would be read together again, a minute later and each minute from then on, and everything else would
	// wait for that: at this rate they are spread over most of the time that is firm.
	slack = 1.2
	// atLeast is what that rate is for few users, a second.
	atLeast = 10
)

// Cache keeps credentials. It may be used by many goroutines.
type Cache struct {
	cfg    Config
	seed   maphash.Seed
	shards [64]shard

	ctx      context.Context // of reads
	close    context.CancelFunc
	reads    chan struct{} // one for each read that somebody waits for
	refresh  chan struct{} // in the background
	rate     *rate.Limiter // of those
	renewals chan struct{} // ahead of an Expiration

	mu    sync.Mutex
	timer *time.Timer // nil: nothing is held
}

type shard struct {
	mu    sync.RWMutex
	slots map[rotation.User]*slot
}

// ErrClosed: the cache is closed.
var ErrClosed = errors.New("the server is being stopped, and gives out no credentials")

// New makes a cache, which holds nothing. It does no I/O.
func New(c Config) *Cache {
	if c.Within <= 0 {
		c.Within = 30 * time.Second
	}
	if c.Reads <= 0 {
		c.Reads = 32
	}
	some := max(1, c.Reads/4)
	k := &Cache{cfg: c, seed: maphash.MakeSeed(), reads: make(chan struct{}, c.Reads), refresh: make(chan struct{}, some),
		renewals: make(chan struct{}, some), rate: rate.NewLimiter(atLeast, some)}
	k.ctx, k.close = context.WithCancel(context.Background())
	for i := range k.shards {
		k.shards[i].slots = map[rotation.User]*slot{}
	}
	return k
}

// Close forgets everything and ends what is under way. Get gives ErrClosed from then on.
func (c *Cache) Close() {
	c.close()
	c.mu.Lock()
	if c.timer != nil {
		c.timer.Stop()
	}
	c.mu.Unlock()
	for i := range c.shards {
		sh := &c.shards[i]
		sh.mu.Lock()
		for _, s := range sh.slots {
			s.forget()
		}
		clear(sh.slots)
		sh.mu.Unlock()
	}
}

func (c *Cache) shard(u rotation.User) *shard {
	return &c.shards[maphash.Comparable(c.seed, u)%uint64(len(c.shards))]
}

// find gives a user's slot, nil when nothing is known of it.
func (c *Cache) find(u rotation.User) *slot {
	sh := c.shard(u)
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	return sh.slots[u]
}

// slot gives a user's slot, a new one when there is none.
func (c *Cache) slot(u rotation.User) *slot {
	if s := c.find(u); s != nil {
		return s
	}
	sh := c.shard(u)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	s := sh.slots[u]
	if s == nil {
		s = &slot{user: u}
		sh.slots[u] = s
		c.wake()
	}
	return s
}

// Get gives a user's current credential: fresh, or still good while AWS does not tell. It is never past its Expiration.
func (c *Cache) Get(ctx context.Context, u rotation.User) (fleet.Credential, error) {
	if s := c.find(u); s != nil {
		if h := s.held.Load(); h != nil && h.fresh(time.Now()) {
			h.given()
			return h.credential, nil
		}
	}
	return c.wait(ctx, u)
}
