package rotation

import (
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode"

	"pgregory.net/rapid"
)

// manyHashes are at most so many: eight fit into a list, as many keys as users were ever seen with.
func manyHashes(t *rapid.T, most int, what string) (out []string) {
	for range rapid.IntRange(0, most).Draw(t, what) {
		out = append(out, keyHash(rapid.StringMatching(`AKIA[A-Z2-7]{16}`).Draw(t, what)))
	}
	return out
}

// anyTime has no fractions, as times in tags have none.
func anyTime(t *rapid.T, what string) time.Time {
	return time.Unix(rapid.Int64Range(1_600_000_000, 4_000_000_000).Draw(t, what), 0).UTC()
}

func anyUUID(t *rapid.T, what string) string {
	return VersionID(rapid.StringMatching(`AKIA[A-Z2-7]{16}`).Draw(t, what))
}

// fullState fills every field to its limit.
func fullState(t *rapid.T) State {
	s := State{
		Legacy: manyHashes(t, 8, "legacy"), Adopted: manyHashes(t, 8, "adopted"), Revoked: manyHashes(t, 8, "revoked"),
		UserID: rapid.StringMatching(`AIDA[A-Z2-7]{17}`).Draw(t, "user"), Inactive: map[string]Since{},
		Intent: Intent{Open: rapid.Bool().Draw(t, "open"), At: anyTime(t, "intent"), ID: rapid.StringMatching(`[a-z0-9]{8,16}`).Draw(t, "run"),
			Base: rapid.SampledFrom([]string{"", anyUUID(t, "base")}).Draw(t, "has base"), Had: manyHashes(t, 8, "had")},
		Promoted: Promotion{Promoting: rapid.Bool().Draw(t, "promoting"), At: anyTime(t, "promoted"), Version: anyUUID(t, "version"),
			Grace:   time.Duration(rapid.Int64Range(0, 1<<55).Draw(t, "grace")).Truncate(time.Millisecond),
			Promise: time.Duration(rapid.Int64Range(0, 1<<55).Draw(t, "promise")).Truncate(time.Millisecond), Until: anyTime(t, "until")},
	}
	for _, h := range manyHashes(t, 5, "inactive") { // five of them fit; no user has more keys of ours, and all of them Inactive
		s.Inactive[h] = Since{rapid.Bool().Draw(t, "is inactive"), anyTime(t, "since")}
	}
	if rapid.Bool().Draw(t, "paused") {
		s.Pause = Pause{Paused: true, At: anyTime(t, "paused at"), Why: tagText(rapid.String().Draw(t, "why"), 150),
			Target: rapid.SampledFrom([]string{"", anyUUID(t, "target")}).Draw(t, "has target")}
	}
	return s
}

// TestStateRoundTrip: what the tags say is what was written, and AWS takes it: at most 256 characters, of its set.
func TestStateRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := fullState(t)
		tags := s.Tags()
		if len(tags) != len(StateTags) {
			t.Fatalf("every state tag is to be written: %v", tags)
		}
		for k, v := range tags {
			if len(v) == 0 || len(v) > 256 {
				t.Fatalf("%s is %d characters long: %q", k, len(v), v)
			}
			for _, r := range v {
				if r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune(" +-=._:/@", r) {
					t.Fatalf("%s holds %q, which no tag may: %q", k, r, v)
				}
			}
		}
		got, present, err := ParseState(tags)
		if err != nil || !present {
			t.Fatalf("%v: %v", tags, err)
		}
		if !reflect.DeepEqual(got, s) {
			t.Fatalf("read again it is something else:\n%+v\n%+v\n%v", s, got, tags)
		}
		if changed := got.Changed(s); len(changed) > 0 {
			t.Fatalf("nothing changed, and yet: %v", changed)
		}
		if !reflect.DeepEqual(s.Clone(), s) {
			t.Fatalf("the clone differs")
		}
	})
}

// TestStateCorrupted: a tag with one character changed, left out or put in is refused, or read as what it then says; it never
// reads as "no keyturn here", and never as a state that cannot be written again.
func TestStateCorrupted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tags := fullState(t).Tags()
		key := rapid.SampledFrom(StateTags).Draw(t, "tag")
		was := tags[key]
		at := rapid.IntRange(0, len(was)-1).Draw(t, "at")
		with := rapid.SampledFrom([]string{"", " ", "=", ".", "x", "0", "9", "@", "-", ":", "none", "é", was[at:at+1] + was[at:at+1]}).Draw(t, "with")
		tags[key] = was[:at] + with + was[at+1:]
		got, present, err := ParseState(tags)
		if !present {
			t.Fatalf("%q reads as fresh", tags[key])
		}
		if err != nil {
			if !strings.Contains(err.Error(), key) {
				t.Fatalf("the tag %s is not named: %v", key, err)
			}
			return
		}
		if again, _, err := ParseState(got.Tags()); err != nil || !reflect.DeepEqual(again, got) {
			t.Fatalf("%q is read as %+v, which cannot be written and read again: %v", tags[key], got, err)
		}
	})
}

// TestStateContradictory: what no run of ours writes, each blocked and named.
func TestStateContradictory(t *testing.T) {
	good := State{UserID: "AIDAAPP", Promoted: Promotion{Promoting: true, At: anyEpoch}}.Tags()
	if _, _, err := ParseState(good); err != nil {
		t.Fatal(err)
	}
	for tag, values := range map[string][]string{
		TagIntent: {"", "v1", "v1 open none id=a base=none had=none", "v1 ajar 2026-11-23T06:30:00Z id=a base=none had=none",
			"v1 open 2026-11-23 id=a base=none had=none", "v1 open 2026-11-23T06:30:00Z id=a base=none",
			"v1 open 2026-11-23T06:30:00Z id=a base=none had=12", "v1 open 2026-11-23T06:30:00Z id=a base=none had=none more=x"},
		TagPromoted: {"v1 promoted 2026-11-23T06:30:00Z version=none grace=2m promise=2m until=none", "v1 promoted none version=x grace=2m promise=2m until=none",
			"v1 demoted 2026-11-23T06:30:00Z version=x grace=2m promise=2m until=none",
			"v1 promoted 2026-11-23T06:30:00Z version=x grace=2 promise=2m until=none", "v1 promoted 2026-11-23T06:30:00Z version=x grace=-2m promise=2m until=none"},
		TagInactive: {"v1 0123456789abcdef", "v1 0123456789abcdef=inactive@none", "v1 0123456789abcdef=asleep@2026-11-23T06:30:00Z",
			"v1 0123456789abcde=inactive@2026-11-23T06:30:00Z"},
		TagLegacy: {"v1 0123456789ABCDEF", "v1 none none", "v2 none", "fresh"},
		TagPaused: {"v1 yes", "v1 since=none target=none why=", "v1 since=2026-11-23T06:30:00Z why= target=none"},
		TagUser:   {"v1", "v1 AIDAAPP AIDAOTHER", "AIDAAPP"},
	} {
		for _, value := range values {
			tags := State{UserID: "AIDAAPP", Promoted: Promotion{Promoting: true, At: anyEpoch}}.Tags()
			tags[tag] = value
			if _, _, err := ParseState(tags); err == nil || !strings.Contains(err.Error(), tag) {
				t.Errorf("%s = %q: %v", tag, value, err)
			}
		}
	}
}

// TestVersionIDNeverChanges: version ids of stored keys hang on these values for ever. They were computed with another tool:
// python3 -c 'import uuid; print(uuid.uuid5(uuid.uuid5(uuid.NAMESPACE_DNS, "keyturn.access-key"), "AKIAIOSFODNN7EXAMPLE"))'.
func TestVersionIDNeverChanges(t *testing.T) {
	const want = "2e520bbf-f3a3-59fe-814f-c75de4274152"
	if got := VersionID("AKIAIOSFODNN7EXAMPLE"); got != want || !ours(got) || ours(handMade) {
		t.Errorf("%s, want %s", got, want)
	}
	if got := keyHash("AKIAIOSFODNN7EXAMPLE"); got != "1a5d44a2dca19669" {
		t.Errorf("%s", got)
	}
}
