package reconcile

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/keyturn/keyturn/internal/rotation"
)

// looks bounds how often more can be asked for before a decision: versions and names, then last uses.
const looks = 4

// look gathers one observation and lets the core decide. Two reads are always made; the core asks for the others when it needs
// them. A read that fails ends the run: unknown is unknown.
func (r *run) look(ctx context.Context, confirmedAfter time.Duration) (rotation.Decision, error) {
	r.began = time.Now()
	c, t := r.task.Cloud, r.task
	keys, err := c.ListAccessKeys(ctx)
	if err != nil {
		return rotation.Decision{}, err
	}
	if keys == nil {
		keys = []rotation.Key{}
	}
	now := c.Date()
	secret, err := c.DescribeSecret(ctx)
	if err != nil {
		return rotation.Decision{}, err
	}
	r.obs = rotation.Observation{
		User: t.User, UserID: t.UserID, Now: now, Keys: keys, Secret: secret, Quiet: r.quiet, ConfirmedAfter: confirmedAfter,
		Request: t.Request, LeaveCare: t.LeaveCare, ExistingAllowed: t.ExistingAllowed, Frozen: t.Frozen, LastUse: map[string]rotation.LastUse{},
	}
	if st, present, err := rotation.ParseState(secret.Tags); err == nil && present && st.Intent.Open {
		if r.obs.Witness, err = r.Journal.Witness(ctx, t.User, st.Intent.ID); err != nil {
			return rotation.Decision{}, err
		}
	}
	d := rotation.Plan(t.Schedule, r.Limits, r.obs)
	for range looks {
		if !d.Wants.Any() {
			break
		}
		if err := r.readMore(ctx, d.Wants); err != nil {
			return rotation.Decision{}, err
		}
		d = rotation.Plan(t.Schedule, r.Limits, r.obs)
	}
	return d, nil
}

func (r *run) readMore(ctx context.Context, w rotation.Wants) (err error) {
	c := r.task.Cloud
	if w.Versions {
		if r.obs.Stored, err = c.ListVersions(ctx); err != nil {
			return err
		}
	}
	if w.CurrentNames {
		key, err := c.ReadKey(ctx, r.obs.Secret.Stage(rotation.StageCurrent))
		switch {
		case errors.Is(err, rotation.ErrBadSecret):
			r.obs.CurrentBad = err.Error()
		case err != nil:
			return err
		}
		r.obs.CurrentRead = true
		for _, k := range r.obs.Keys {
			if k.ID == key.ID { // any other name says nothing, and may be a secret that a person put into the wrong field
				r.obs.CurrentNames = key.ID
			}
		}
	}
	for _, id := range w.LastUse {
		use, err := c.AccessKeyLastUsed(ctx, id)
		if err != nil {
			return err
		}
		r.obs.LastUse[id] = use
	}
	return nil
}

// sameWorld reports whether two observations show the same keys, versions and tags.
func sameWorld(a, b rotation.Observation) bool {
	return slices.Equal(a.Keys, b.Keys) && a.Secret.Exists == b.Secret.Exists && a.Secret.ARN == b.Secret.ARN &&
		maps.Equal(a.Secret.Tags, b.Secret.Tags) &&
		maps.EqualFunc(a.Secret.Versions, b.Secret.Versions, func(x, y []string) bool {
			x, y = slices.Clone(x), slices.Clone(y)
			slices.Sort(x)
			slices.Sort(y)
			return slices.Equal(x, y)
		})
}
