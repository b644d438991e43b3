package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/rotation"
)

func newRotate(o *options) *cobra.Command {
	patience, reason := 3*time.Minute, ""
	cmd := &cobra.Command{
		Use:   "rotate USER",
		Short: "Make a new key for one user now, and wait for the result",
		Long: "Rotates one user now, whatever its schedule says. The old key stays Active for the whole grace. When the user was changed " +
			"a moment ago, or a run is at work on it, or both of its keys are taken by ones that go by themselves, rotate " +
			"waits for that up to --wait; if no new key was promoted by then, it says when it can be, and exits 3.",
		Example: "keyturn rotate ci-deploy\nkeyturn rotate 123456789012/ci-deploy --wait 10m",
		Args:    oneUser,
		RunE: func(cmd *cobra.Command, names []string) error {
			outliveReader()
			d, err := openDesk(cmd.Context(), o, withDatabase)
			if err != nil {
				return err
			}
			defer d.close()
			ans, err := d.ask(cmd.Context(), o, fleet.Ask{User: names[0], Patience: patience,
				Request: rotation.Request{Kind: rotation.RequestRotate, Why: operator(reason)}})
			if err != nil {
				return err
			}
			return o.out.rotated(o, ans)
		},
	}
	cmd.Flags().DurationVar(&patience, "wait", patience, "how long to wait until the rotation is possible")
	cmd.Flags().StringVar(&reason, "why", "", "reason, for the history")
	jsonFlag(cmd, o, "one JSON object, as a line of run --json")
	return cmd
}

// rotated says what came of it.
func (p *printer) rotated(o *options, ans fleet.Answer) error {
	if o.json {
		if err := p.record(answerLine(ans)); err != nil {
			return err
		}
	}
	if !ans.Done {
		return &errUsers{api.NotRotated(ans, when)}
	}
	if o.json {
		return nil
	}
	made, old := ans.KeyID, ""
	for _, k := range ans.Keys {
		switch k.Class {
		case rotation.ClassCurrent:
			made = k.ID
		case rotation.ClassPrevious, rotation.ClassLegacy:
			if k.Status == rotation.Active {
				old = k.ID
			}
		}
	}
	p.line("%s %s is rotated: %s is current", mark(fleet.Fine), p.name(ans.User), made)
	if next := first(ans.Then, rotation.DeactivateKey); old != "" && !next.IsZero() {
		p.line("  %s stays Active until %s (%s)", old, p.at(next), in(next, ans.At))
	}
	return nil
}

// first is when the next step of this kind is forecast, zero when none is.
func first(steps []rotation.Forecasted, kind rotation.ActionKind) time.Time {
	for _, f := range steps {
		if f.Action == kind {
			return f.At
		}
	}
	return time.Time{}
}
