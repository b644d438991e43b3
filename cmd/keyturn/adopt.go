package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/rotation"
)

func newAdopt(o *options) *cobra.Command {
	w := wish{patience: 5 * time.Minute}
	retire := ""
	cmd := &cobra.Command{
		Use:   "adopt USER [--retire KEYID]",
		Short: "Let keyturn retire a key it did not make, or accept a user made anew",
		Long: "With --retire, gives keyturn a key that it did not make, to be retired like one from before its care: deactivated once it was " +
			"unused for legacy_quiet, deleted after the retention. Never at once, and never the last key that works. Without --retire, " +
			"accepts an IAM user that was deleted and made anew under the same name.",
		Example: "keyturn adopt etl --retire AKIAIOSFODNN7EXAMPLE\nkeyturn adopt mail",
		Args:    oneUser,
		RunE: func(cmd *cobra.Command, names []string) error {
			w.calm = retire == ""
			w.question, w.title = "Let keyturn retire "+retire+"?", "Retiring "+retire+" of "+names[0]
			return w.carry(cmd, o, fleet.Ask{User: names[0], Request: rotation.Request{Kind: rotation.RequestAdopt, KeyID: retire}})
		},
	}
	cmd.Flags().StringVar(&retire, "retire", "", "access key id that keyturn may retire")
	w.flags(cmd, o)
	return cmd
}
