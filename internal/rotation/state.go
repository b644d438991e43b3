package rotation

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// The state tags on the user's secret. AWS alone carries the state: a lost database makes nothing unsafe.
const (
	TagIntent   = "keyturn:intent"
	TagPromoted = "keyturn:promoted"
	TagLegacy   = "keyturn:legacy"
	TagAdopted  = "keyturn:adopted"
	TagInactive = "keyturn:inactive"
	TagRevoked  = "keyturn:revoked"
	TagUser     = "keyturn:user"
	TagPaused   = "keyturn:paused"
)

// StateTags are the keys of all state tags: every secret of ours bears each of them.
var StateTags = []string{TagIntent, TagPromoted, TagLegacy, TagAdopted, TagInactive, TagRevoked, TagUser, TagPaused}

// Intent is written before a key is created: it proves later that a key whose secret nobody holds is ours.
type Intent struct {
	Open bool
	At   time.Time // rounded down; zero when there never was one
	ID   string    // the run that wrote it
	Base string    // the AWSCURRENT version it builds on; "" when none
	Had  []string  // hashes of the keys that existed
}

// Promotion is the last promotion on record.
type Promotion struct {
	Promoting bool      // one is about to be made, and Version may not be current yet
	At        time.Time // rounded up
	Version   string    // "" before the first
	Grace     time.Duration
	// Promise is the longest Expiration that was handed out while Version is current: the grace of its own retirement is
	// never shorter.
	Promise time.Duration
	// Until is before when Version's key is not deactivated, whatever becomes of the schedule: an Expiration may be as late. Zero:
	// nothing is promised but Promise.
	Until time.Time
}

// Since is when a key was seen in its status.
type Since struct {
	Inactive bool // else Active again
	At       time.Time
}

// Pause stops everything but revokes and the rollback that it names.
type Pause struct {
	Paused bool
	At     time.Time
	Target string // version to roll back to; "" for a plain pause
	Why    string
}

// State is all that the tags remember.
type State struct {
	Intent   Intent
	Promoted Promotion
	Legacy   []string         // hashes of the keys from before our care
	Adopted  []string         // hashes of keys that an operator gave us to retire
	Inactive map[string]Since // by hash
	Revoked  []string         // hashes
	UserID   string
	Pause    Pause
}

func (s *State) had(id string) bool    { return slices.Contains(s.Intent.Had, keyHash(id)) }
func (s *State) legacy(id string) bool { return slices.Contains(s.Legacy, keyHash(id)) }

// IsAdopted reports whether an operator gave the key to be retired.
func (s *State) IsAdopted(id string) bool { return slices.Contains(s.Adopted, keyHash(id)) }

// IsRevoked reports whether the key is on the list of revoked ones.
func (s *State) IsRevoked(id string) bool { return slices.Contains(s.Revoked, keyHash(id)) }

func (s *State) since(id string) (Since, bool) { v, ok := s.Inactive[keyHash(id)]; return v, ok }

// Clone is a copy that shares nothing.
func (s State) Clone() State {
	c := s
	c.Intent.Had = slices.Clone(s.Intent.Had)
	c.Legacy, c.Adopted, c.Revoked = slices.Clone(s.Legacy), slices.Clone(s.Adopted), slices.Clone(s.Revoked)
	c.Inactive = make(map[string]Since, len(s.Inactive))
	for k, v := range s.Inactive {
		c.Inactive[k] = v
	}
	return c
}

// Tags gives the state as tags, all of them. Values hold only characters that Secrets Manager allows, at most 256.
func (s State) Tags() map[string]string {
	return map[string]string{
		TagIntent: s.intentTag(), TagPromoted: s.promotedTag(), TagLegacy: "v1 " + joined(s.Legacy),
		TagAdopted: "v1 " + joined(s.Adopted), TagInactive: s.inactiveTag(), TagRevoked: "v1 " + joined(s.Revoked),
		TagUser: "v1 " + s.UserID, TagPaused: s.pausedTag(),
	}
}

// Changed gives the tags of s that differ from those of old: what one TagResource call has to write.
func (s State) Changed(old State) map[string]string {
	was, out := old.Tags(), map[string]string{}
	for k, v := range s.Tags() {
		if was[k] != v {
			out[k] = v
		}
	}
	return out
}

const none = "none"

func joined(hashes []string) string { return orNone(strings.Join(hashes, ".")) }

func orNone(s string) string {
	if s == "" {
		return none
	}
	return s
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return none
	}
	return t.UTC().Format(time.RFC3339)
}

func (s State) intentTag() string {
	word := "closed"
	if s.Intent.Open {
		word = "open"
	}
	return fmt.Sprintf("v1 %s %s id=%s base=%s had=%s", word, stamp(s.Intent.At), orNone(s.Intent.ID), orNone(s.Intent.Base),
		joined(s.Intent.Had))
}

func (s State) promotedTag() string {
	word := "promoted"
	if s.Promoted.Promoting {
		word = "promoting"
	}
	return fmt.Sprintf("v1 %s %s version=%s grace=%s promise=%s until=%s", word, stamp(s.Promoted.At), orNone(s.Promoted.Version),
		s.Promoted.Grace, s.Promoted.Promise, stamp(s.Promoted.Until))
}

func (s State) inactiveTag() string {
	if len(s.Inactive) == 0 {
		return "v1 " + none
	}
	hashes := make([]string, 0, len(s.Inactive))
	for h := range s.Inactive {
		hashes = append(hashes, h)
	}
	slices.Sort(hashes)
	words := []string{"v1"}
	for _, h := range hashes {
		v, word := s.Inactive[h], "active"
		if v.Inactive {
			word = "inactive"
		}
		words = append(words, h+"="+word+"@"+stamp(v.At))
	}
	return strings.Join(words, " ")
}

func (s State) pausedTag() string {
	if !s.Pause.Paused {
		return "v1 no"
	}
	return fmt.Sprintf("v1 since=%s target=%s why=%s", stamp(s.Pause.At), orNone(s.Pause.Target), tagText(s.Pause.Why, 150))
}

// tagText keeps what a tag value may hold; other characters become "_".
func tagText(s string, most int) string {
	out := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune("+-=._:/@ ", r):
			return r
		}
		return '_'
	}, strings.Join(strings.Fields(s), " "))
	if len(out) > most {
		out = out[:most]
	}
	return strings.TrimSpace(out)
}
