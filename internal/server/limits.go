package server

import (
	"hash/maphash"
	"net/netip"
	"strconv"
	"sync"
	"time"
)

// Limit is how many requests a second are answered; Burst of them at once after a rest. The zero Limit bounds nothing.
type Limit struct {
	PerSecond float64
	Burst     int
}

// limiter bounds requests by whom they come from, by the generic cell rate algorithm: of each it remembers one moment, when the bucket
// would be full again. It may be used by many goroutines.
type limiter[K comparable] struct {
	seed   maphash.Seed
	shards [64]shard[K]
}

type shard[K comparable] struct {
	mu   sync.Mutex
	full map[K]time.Time // when all that was used will be back
}

// mostPerShard bounds the memory: 64 shards of so many entries each, about 8 MB when every one is taken.
const mostPerShard = 1024

func newLimiter[K comparable]() *limiter[K] { return &limiter[K]{seed: maphash.MakeSeed()} }

// verdict is what a limiter says of one request.
type verdict struct {
	ok    bool
	left  int           // requests that would be answered at once
	until time.Duration // until all of the burst is back; when it is not ok: until the next request may come
}

// take counts a request.
func (l *limiter[K]) take(who K, limit Limit, now time.Time) verdict {
	gap := time.Duration(float64(time.Second) / limit.PerSecond)
	room := gap * time.Duration(max(1, limit.Burst))
	s := &l.shards[maphash.Comparable(l.seed, who)%uint64(len(l.shards))]
	s.mu.Lock()
	defer s.mu.Unlock()
	full, known := s.full[who]
	if full.Before(now) {
		full = now
	}
	if after := full.Add(gap); after.Sub(now) <= room {
		if !known {
			s.makeRoom(now)
		}
		s.full[who] = after
		return verdict{ok: true, left: int((room - after.Sub(now)) / gap), until: after.Sub(now)}
	}
	return verdict{until: full.Add(gap).Sub(now) - room}
}

// makeRoom forgets whoever has rested long enough to be as good as new. When all the memory is taken by others, some of these begin anew:
// a flood from more addresses than are remembered is bounded by the connections, not by this.
func (s *shard[K]) makeRoom(now time.Time) {
	if s.full == nil {
		s.full = map[K]time.Time{}
	}
	if len(s.full) < mostPerShard {
		return
	}
	for who, full := range s.full {
		if !full.After(now) {
			delete(s.full, who)
		}
	}
	for who := range s.full { // an eighth at once, so that the search above is a rare one
		if len(s.full) <= mostPerShard*7/8 {
			return
		}
		delete(s.full, who)
	}
}

// neighbourhood is what counts as one address: with IPv6 a network of 64 bits, as one machine has that many.
func neighbourhood(a netip.Addr) netip.Addr {
	if a.Is6() {
		p, _ := a.WithZone("").Prefix(64) // 64 is fine for every IPv6 address
		return p.Addr()
	}
	return a
}

// seconds rounds up, so that whoever waits for so long has waited long enough.
func seconds(d time.Duration) int { return int((max(0, d) + time.Second - 1) / time.Second) }

// policyOf is the field RateLimit-Policy of draft-ietf-httpapi-ratelimit-headers.
func policyOf(name string, l Limit) string {
	if l.PerSecond == 0 {
		return ""
	}
	window := max(1, seconds(time.Duration(float64(l.Burst)/l.PerSecond*float64(time.Second))))
	return `"` + name + `";q=` + strconv.Itoa(l.Burst) + ";w=" + strconv.Itoa(window)
}

// stateOf is the field RateLimit of the same draft.
func stateOf(name string, v verdict) string {
	b := make([]byte, 0, 32)
	b = append(b, '"')
	b = append(b, name...)
	b = append(b, `";r=`...)
	b = strconv.AppendInt(b, int64(v.left), 10)
	b = append(b, ";t="...)
	b = strconv.AppendInt(b, int64(seconds(v.until)), 10)
	return string(b)
}
