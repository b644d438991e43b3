package simulation

import (
	"slices"

	"github.com/keyturn/keyturn/internal/awssim"
)

// secret is the user's secret as it truly is.
type secret struct{ *awssim.Secret }

func (w *world) secret() (secret, bool) {
	s := w.sim.Secret(secretName)
	return secret{s}, s != nil
}

// pendingDeletion reports whether it is scheduled for deletion.
func (s secret) pendingDeletion() bool { return !s.Deleted.IsZero() }

// stage is the id of the version that carries a label, "" when none does.
func (s secret) stage(label string) string {
	if v := s.Stage(label); v != nil {
		return v.ID
	}
	return ""
}

func (s secret) value(version string) string {
	for _, v := range s.Versions {
		if v.ID == version {
			return v.Value
		}
	}
	return ""
}

func (s secret) stages() map[string][]string {
	out := map[string][]string{}
	for _, v := range s.Versions {
		if len(v.Stages) > 0 {
			out[v.ID] = slices.Clone(v.Stages)
		}
	}
	return out
}

// index finds the user under care among all.
func (w *world) index() int {
	return slices.IndexFunc(w.sim.Users(), func(u awssim.User) bool { return u.Name == username })
}
