package apikey

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/netip"
	"time"
)

// snapshot is all keys as they were read. Nobody changes it: requests look into it without a lock.
type snapshot struct {
	keys   map[string]*entry            // by id
	sums   map[[sha256.Size]byte]*entry // by the hash of their text
	read   []time.Time                  // by shard: when the read that it comes from began; zero: it was never read
	oldest time.Time                    // of these
}

type entry struct {
	key    Key
	sum    [sha256.Size]byte
	caller *Caller
	shard  int
	place  int // among all, in the order in which they were added
}

// nobody stands for every key that is not there: a look costs the same.
var nobody = &entry{sum: sha256.Sum256([]byte("no text of a key has this hash"))}

// answer is what a snapshot says to a key.
type answer struct {
	caller *Caller
	age    time.Duration // of what it comes from
	final  bool          // no later read can say better: the key is revoked, expired, or in the wrong place
}

// look does the same for an id that is unknown and for a secret that is wrong: it knows keys by the hash of the whole text, and finds
// none. How long that takes hangs on bits of the hash, which nobody can choose.
func (s *snapshot) look(text string, from netip.Addr, clock, now time.Time) answer {
	sum := hash(text)
	e, known := s.sums[sum]
	if !known {
		e = nobody
	}
	if right := subtle.ConstantTimeCompare(sum[:], e.sum[:]) == 1; !known || !right {
		return answer{age: clock.Sub(s.oldest)}
	}
	if e.key.Over(now) || !comesFrom(e.key.Networks, from) {
		return answer{final: true}
	}
	return answer{caller: e.caller, age: clock.Sub(s.read[e.shard])}
}

func comesFrom(networks []netip.Prefix, from netip.Addr) bool {
	if len(networks) == 0 {
		return true
	}
	from = from.Unmap().WithZone("")
	for _, n := range networks {
		if n.Contains(from) {
			return true
		}
	}
	return false
}

// held is a shard as it was read last.
type held struct {
	began   time.Time // of the read, or of the write that we made
	order   time.Time // what is of an earlier time is older; for a write, its end
	version string
	doc     *document // nil: there is none
}

// assemble makes a snapshot of all shards.
func assemble(shards []held) *snapshot {
	s := &snapshot{keys: map[string]*entry{}, sums: map[[sha256.Size]byte]*entry{}, read: make([]time.Time, len(shards))}
	revoked := map[string]int64{}
	for i, h := range shards {
		s.read[i] = h.began
		if i == 0 || h.began.Before(s.oldest) {
			s.oldest = h.began
		}
		if h.doc != nil {
			for _, r := range h.doc.Others {
				revoked[r.ID] = r.At
			}
		}
	}
	for i, h := range shards {
		if h.doc == nil {
			continue
		}
		for _, k := range h.doc.Keys {
			if at := revoked[k.ID]; at != 0 && k.Revoked == 0 {
				k.Revoked = at
			}
			if s.keys[k.ID] != nil {
				continue
			}
			e := &entry{key: k.key(), shard: i, place: len(s.keys)}
			sum, _ := compact.DecodeString(k.SHA256) // readDocument checked it
			copy(e.sum[:], sum)
			e.caller = e.key.caller()
			s.keys[k.ID], s.sums[e.sum] = e, e
		}
	}
	return s
}

// renew is the same keys, read anew.
func (s *snapshot) renew(shards []held) *snapshot {
	next := &snapshot{keys: s.keys, sums: s.sums, read: make([]time.Time, len(shards))}
	for i, h := range shards {
		next.read[i] = h.began
		if i == 0 || h.began.Before(next.oldest) {
			next.oldest = h.began
		}
	}
	return next
}
