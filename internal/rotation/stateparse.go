package rotation

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// TagError says which state tag is missing or unreadable.
type TagError struct {
	Tag    string
	Reason string
}

// Error is one sentence with the tag's name.
func (e *TagError) Error() string {
	return fmt.Sprintf("the tag %s of the secret %s; restore it, as it never reads as fresh", e.Tag, e.Reason)
}

// ParseState reads the state tags. Present is false when the secret bears none of them at all. An error is a *TagError: a
// missing or contradictory tag blocks the user.
func ParseState(tags map[string]string) (s State, present bool, err error) {
	var missing string
	for _, k := range StateTags {
		if _, ok := tags[k]; ok {
			present = true
		} else if missing == "" {
			missing = k
		}
	}
	if !present {
		return State{}, false, nil
	}
	if missing != "" {
		return State{}, true, &TagError{missing, "is missing"}
	}
	for _, p := range []struct {
		tag   string
		parse func(*State, []string) error
	}{
		{TagIntent, parseIntent}, {TagPromoted, parsePromoted}, {TagInactive, parseInactive}, {TagPaused, parsePaused},
		{TagLegacy, func(s *State, w []string) (err error) { s.Legacy, err = hashes(w); return }},
		{TagAdopted, func(s *State, w []string) (err error) { s.Adopted, err = hashes(w); return }},
		{TagRevoked, func(s *State, w []string) (err error) { s.Revoked, err = hashes(w); return }},
		{TagUser, parseUser},
	} {
		words := strings.Fields(tags[p.tag])
		if len(words) < 2 || words[0] != "v1" {
			return State{}, true, &TagError{p.tag, fmt.Sprintf("says %q, which this version of keyturn cannot read", tags[p.tag])}
		}
		if err := p.parse(&s, words[1:]); err != nil {
			return State{}, true, &TagError{p.tag, fmt.Sprintf("says %q: %v", tags[p.tag], err)}
		}
	}
	if s.Promoted.Version == "" && !s.Promoted.Promoting {
		return State{}, true, &TagError{TagPromoted, "names no version"}
	}
	if s.Promoted.At.IsZero() || s.Promoted.Grace < 0 || s.Promoted.Promise < 0 { // would make every grace look over
		return State{}, true, &TagError{TagPromoted, "has no time, or a negative grace"}
	}
	if s.Intent.Open && s.Intent.At.IsZero() {
		return State{}, true, &TagError{TagIntent, "is open without a time"}
	}
	return s, true, nil
}

func parseUser(s *State, words []string) error {
	if len(words) != 1 {
		return fmt.Errorf("one UserId is expected")
	}
	s.UserID = words[0]
	return nil
}

func hashes(words []string) ([]string, error) {
	if len(words) != 1 {
		return nil, fmt.Errorf("one list of key hashes is expected")
	}
	if words[0] == none {
		return nil, nil
	}
	list := strings.Split(words[0], ".")
	for _, h := range list {
		if len(h) != 16 || strings.Trim(h, "0123456789abcdef") != "" {
			return nil, fmt.Errorf("%q is no key hash of 16 hex digits", h)
		}
	}
	return slices.Clip(list), nil
}

func unstamp(s string) (time.Time, error) {
	if s == none {
		return time.Time{}, nil
	}
	return time.Parse(time.RFC3339, s)
}

// named reads name=value words; every name must be there, in any order.
func named(words []string, names ...string) (map[string]string, error) {
	out := map[string]string{}
	for _, w := range words {
		name, value, ok := strings.Cut(w, "=")
		if !ok || !slices.Contains(names, name) || value == "" {
			return nil, fmt.Errorf("the word %q is not expected", w)
		}
		if value == none {
			value = ""
		}
		out[name] = value
	}
	for _, n := range names {
		if _, ok := out[n]; !ok {
			return nil, fmt.Errorf("%s= is missing", n)
		}
	}
	return out, nil
}

func parseIntent(s *State, words []string) (err error) {
	if len(words) < 2 || words[0] != "open" && words[0] != "closed" {
		return fmt.Errorf("open or closed and a time are expected")
	}
	s.Intent.Open = words[0] == "open"
	if s.Intent.At, err = unstamp(words[1]); err != nil {
		return err
	}
	v, err := named(words[2:], "id", "base", "had")
	if err != nil {
		return err
	}
	s.Intent.ID, s.Intent.Base = v["id"], v["base"]
	s.Intent.Had, err = hashes([]string{orNone(v["had"])})
	return err
}

func parsePromoted(s *State, words []string) (err error) {
	if len(words) < 2 || words[0] != "promoted" && words[0] != "promoting" {
		return fmt.Errorf("promoted or promoting and a time are expected")
	}
	p := &s.Promoted
	p.Promoting = words[0] == "promoting"
	if p.At, err = unstamp(words[1]); err != nil {
		return err
	}
	v, err := named(words[2:], "version", "grace", "promise", "until")
	if err != nil {
		return err
	}
	p.Version = v["version"]
	if p.Grace, err = time.ParseDuration(v["grace"]); err != nil {
		return err
	}
	if p.Promise, err = time.ParseDuration(v["promise"]); err != nil {
		return err
	}
	p.Until, err = unstamp(orNone(v["until"]))
	return err
}

func parseInactive(s *State, words []string) error {
	s.Inactive = map[string]Since{}
	if words[0] == none {
		return nil
	}
	for _, w := range words {
		hash, value, _ := strings.Cut(w, "=")
		word, at, ok := strings.Cut(value, "@")
		if _, err := hashes([]string{hash}); err != nil || !ok || word != "inactive" && word != "active" {
			return fmt.Errorf("the word %q is not expected", w)
		}
		t, err := unstamp(at)
		if err != nil || t.IsZero() {
			return fmt.Errorf("the word %q has no time", w)
		}
		s.Inactive[hash] = Since{word == "inactive", t}
	}
	return nil
}

func parsePaused(s *State, words []string) (err error) {
	if len(words) == 1 && words[0] == "no" {
		return nil
	}
	if len(words) < 3 || !strings.HasPrefix(words[2], "why=") {
		return fmt.Errorf("since=, target= and why= are expected")
	}
	v, err := named(words[:2], "since", "target")
	if err != nil {
		return err
	}
	s.Pause = Pause{Paused: true, Target: v["target"], Why: tagText(strings.TrimPrefix(strings.Join(words[2:], " "), "why="), 150)}
	s.Pause.At, err = unstamp(v["since"])
	return err
}
