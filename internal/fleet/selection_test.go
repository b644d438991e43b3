package fleet

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/keyturn/keyturn/internal/rotation"
)

func member(name string) Member {
	return Member{User: rotation.User{Account: "123456789012", Name: name}}
}

func TestFind(t *testing.T) {
	sel := Selection{
		Members: []Member{member("billing-export"), member("ci-build"), member("ci-deploy")},
		Refused: []Refused{{User: rotation.User{Account: "123456789012", Name: "root-helper"}, Why: "it has administrator rights"}},
	}
	got, err := sel.Find("ci-deploy", "123456789012/ci-build", "ci-deploy")
	if err != nil || len(got) != 2 || got[0].User.Name != "ci-deploy" || got[1].User.Name != "ci-build" {
		t.Errorf("Find gave %v, %v", got, err)
	}
	if all, err := sel.Find(); err != nil || len(all) != 3 {
		t.Errorf("Find without names gave %v, %v", all, err)
	}
	for name, want := range map[string]string{
		"ci-deplyo":   `no user "ci-deplyo" is selected by the configuration; did you mean "ci-deploy"?`,
		"CI-BUILD":    `no user "CI-BUILD" is selected by the configuration; did you mean "ci-build"?`,
		"zzz":         "no user \"zzz\" is selected by the configuration; see `keyturn plan` for those that are",
		"root-helper": `the user "root-helper" is not under care: it has administrator rights`,
	} {
		_, err := sel.Find(name)
		var unknown *UnknownUserError
		if !errors.As(err, &unknown) || err.Error() != want {
			t.Errorf("Find(%q) says %v\nwant %s", name, err, want)
		}
	}
}

// Who leaves care is looked after until its previous key is gone; who is refused for its own settings is left as it is; who was
// never under care is nobody's business.
func TestDiscoverLeaving(t *testing.T) {
	now := time.Date(2026, 11, 23, 6, 0, 0, 0, time.UTC)
	standing := func(r rotation.Reason) rotation.Standing {
		return rotation.Standing{At: now, Reason: r, Recheck: now.Add(time.Hour)}
	}
	f := &Fleet{policy: NewPolicy(Memory{}, nil), cfg: Config{
		Now: func() time.Time { return now },
		Candidates: func(context.Context) (Candidates, error) {
			return Candidates{
				Selected:   []Member{member("new"), member("back"), member("old")},
				Unselected: []Member{member("leaving"), member("left"), member("stranger"), member("misspelt")},
				Refused:    []Refused{{User: member("misspelt").User, Why: "no such schedule", Broken: true}},
			}, nil
		},
		Standings: func(_ context.Context, each func(rotation.User, rotation.Standing)) error {
			for u, s := range map[rotation.User]rotation.Standing{
				member("old").User: standing(rotation.ReasonIdle), member("back").User: standing(rotation.ReasonLeft),
				member("leaving").User: standing(rotation.ReasonGrace), member("left").User: standing(rotation.ReasonLeft),
				member("misspelt").User: standing(rotation.ReasonIdle), member("deleted").User: standing(rotation.ReasonIdle),
			} {
				each(u, s)
			}
			return nil
		},
	}}
	sel, err := f.Discover(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	type row struct{ leaving, due bool }
	want := map[string]row{"back": {false, true}, "leaving": {true, false}, "new": {false, true}, "old": {false, false}}
	if len(sel.Members) != len(want) {
		t.Errorf("members %v, want %v", sel.Members, want)
	}
	for _, m := range sel.Members {
		if got := (row{m.LeaveCare, m.Due(now)}); got != want[m.User.Name] {
			t.Errorf("%s: leaving and due %v, want %v", m.User.Name, got, want[m.User.Name])
		}
	}
}
