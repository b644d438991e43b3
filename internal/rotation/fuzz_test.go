package rotation

import (
	"maps"
	"testing"
	"time"
)

// FuzzState: whatever people write into state tags, what is read says the same when it is written and read again, and what cannot be read
// is never taken for fresh.
func FuzzState(f *testing.F) {
	at := time.Date(2026, 11, 23, 6, 30, 0, 0, time.UTC)
	s := State{UserID: "AIDAEXAMPLE", Legacy: []string{"0123456789abcdef"}, Revoked: []string{"0123456789abcdef", "fedcba9876543210"},
		Intent:   Intent{Open: true, At: at, ID: "abcdefghijkl", Base: VersionID("AKIA0"), Had: []string{"0123456789abcdef"}},
		Promoted: Promotion{Promoting: true, At: at, Version: VersionID("AKIA0"), Grace: 2 * time.Minute, Promise: time.Hour},
		Inactive: map[string]Since{"0123456789abcdef": {At: at}}}
	for _, tags := range []map[string]string{s.Tags(), {TagPaused: "v1 2026-11-23T06:30:00Z reason=x rollback=none"}} {
		f.Add(tags[TagIntent], tags[TagPromoted], tags[TagLegacy], tags[TagAdopted], tags[TagInactive], tags[TagRevoked], tags[TagUser], tags[TagPaused])
	}
	f.Fuzz(func(t *testing.T, intent, promoted, legacy, adopted, inactive, revoked, user, paused string) {
		tags := map[string]string{TagIntent: intent, TagPromoted: promoted, TagLegacy: legacy, TagAdopted: adopted, TagInactive: inactive,
			TagRevoked: revoked, TagUser: user, TagPaused: paused}
		s, present, err := ParseState(tags)
		if !present {
			t.Fatal("a secret with state tags reads as one without")
		}
		if err != nil {
			return
		}
		if s.Promoted.At.IsZero() || s.Promoted.Grace < 0 || s.Intent.Open && s.Intent.At.IsZero() {
			t.Fatalf("a state without its times was taken: %+v", s)
		}
		written := s.Tags()
		again, _, err := ParseState(written)
		if err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		if !maps.Equal(again.Tags(), written) {
			t.Fatalf("read again it is another state\nfirst  %v\nsecond %v", written, again.Tags())
		}
	})
}
