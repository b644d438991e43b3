package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/reconcile"
	"github.com/keyturn/keyturn/internal/rotation"
)

func newRotate(o *options) *cobra.Command {
	patience := 3 * time.Minute
	cmd := &cobra.Command{
		Use:   "rotate USER",
		Short: "Make a new key for one user now, and wait for the result",
		Long: "Rotates one user now, whatever its schedule says. The old key stays Active for the whole grace. When the user was changed " +
			"a moment ago, or another keyturn is at work on it, or both of its keys are taken by ones that go by themselves, rotate " +
			"waits for that up to --wait; if no new key was promoted by then, it says when it can be, and exits 3.",
		Example: "keyturn rotate ci-deploy\nkeyturn rotate 123456789012/ci-deploy --wait 10m",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("`%s` takes one user, as NAME or ACCOUNT/NAME, and %d were given", cmd.CommandPath(), len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, names []string) error {
			a, err := openApp(cmd.Context(), o, withDatabase)
			if err != nil {
				return err
			}
			defer a.close()
			return a.rotate(cmd.Context(), o, names[0], patience)
		},
	}
	cmd.Flags().DurationVar(&patience, "wait", patience, "how long to wait until the rotation is possible")
	jsonFlag(cmd, o, "one JSON object, as a line of run --json")
	return cmd
}

// rotate asks again and again, until the user has its new key or it is clear that it will not have one in time.
func (a *app) rotate(ctx context.Context, o *options, name string, patience time.Duration) error {
	until := time.Now().Add(patience)
	var all reconcile.Result
	var members []fleet.Member
	for {
		var res reconcile.Result
		_, err := a.fleet.Run(ctx, fleet.Pass{Users: []string{name}, Request: rotation.Request{Kind: rotation.RequestRotate},
			OnStart: func(sel fleet.Selection, _ int) {
				members = sel.Members
				o.out.step("rotating %s…", name)
			},
			OnResult: func(r reconcile.Result) { res = r }})
		if err != nil {
			return err
		}
		res.Actions = append(all.Actions, res.Actions...)
		all = res
		wait := max(res.Recheck.Sub(a.now()), time.Second)
		soon := res.Err == nil && !res.Reason.Blocked() && time.Now().Add(wait).Before(until)
		if fleet.Rotated(res) || !soon {
			break
		}
		o.out.step("%s: %s; again in %s…", name, sentence(res.Reason, res.KeyID, res.Detail), rough(wait))
		if err := sleep(ctx, wait); err != nil {
			return err
		}
	}
	return a.rotated(o, all, members)
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return fmt.Errorf("stopped while waiting; nothing is left half done: %w", ctx.Err())
	case <-t.C:
		return nil
	}
}

// rotated says what came of it.
func (a *app) rotated(o *options, res reconcile.Result, members []fleet.Member) error {
	if o.json {
		if err := o.out.record(resultLine(res)); err != nil {
			return err
		}
	}
	if !fleet.Rotated(res) {
		return &errUsers{a.notRotated(res, members)}
	}
	if o.json {
		return nil
	}
	var made, old string
	for _, k := range res.Keys {
		switch k.Class {
		case rotation.ClassCurrent:
			made = k.ID
		case rotation.ClassPrevious, rotation.ClassLegacy:
			if k.Status == rotation.Active {
				old = k.ID
			}
		}
	}
	o.out.line("%s %s is rotated: %s is current", mark(fleet.Fine), o.out.name(res.User), made)
	if next := a.nextOf(res, members, rotation.DeactivateKey); old != "" && !next.IsZero() {
		o.out.line("  %s stays Active until %s (%s)", old, o.out.at(next), in(next, a.now()))
	}
	return nil
}

// notRotated says why, and when to ask again.
func (a *app) notRotated(res reconcile.Result, members []fleet.Member) string {
	failed := fmt.Sprintf("%s was not rotated: ", res.User)
	when := func(t time.Time) string { return fmt.Sprintf("%s (%s)", in(t, a.now()), t.UTC().Format(time.RFC3339)) }
	gone := a.nextOf(res, members, rotation.DeleteKey)
	switch {
	case res.Err != nil:
		return failed + res.Err.Error()
	case !res.Reason.Blocked() && len(res.Observation.Keys) > 1 && !gone.IsZero():
		return failed + "both of its access keys are taken; the older one is deleted " + when(gone) + ", so ask again then"
	case res.Reason.Blocked() || res.Recheck.IsZero():
		return failed + sentence(res.Reason, res.KeyID, res.Detail)
	}
	return failed + sentence(res.Reason, res.KeyID, res.Detail) + "; ask again " + when(res.Recheck)
}

// nextOf is when a user's next step of this kind is forecast, zero when none is.
func (a *app) nextOf(res reconcile.Result, members []fleet.Member, kind rotation.ActionKind) time.Time {
	for _, m := range members {
		if m.User != res.User {
			continue
		}
		for _, f := range a.fleet.Next(fleet.Look{Member: m, Observation: res.Observation}, 2) {
			if f.Action == kind {
				return f.At
			}
		}
	}
	return time.Time{}
}
