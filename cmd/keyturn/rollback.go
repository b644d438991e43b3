package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/rotation"
)

func newRollback(o *options) *cobra.Command {
	w := wish{patience: 5 * time.Minute}
	to := ""
	cmd := &cobra.Command{
		Use:   "rollback USER",
		Short: "Make an earlier key current again, and pause the user",
		Long: "Goes back to the key that was current before, or to the one named with --to. The user is paused first, which stops every " +
			"retirement; a run deadline later, when no earlier run can still act, the key is reactivated if need be, verified and promoted. " +
			"rollback waits for that up to --wait; if it is stopped before, the next run carries it on. No key is deactivated. The user " +
			"stays paused until `keyturn resume`.",
		Example: "keyturn rollback ci-deploy --why \"the new key does not work for the old build hosts\"\n" +
			"keyturn rollback ci-deploy --to AKIAIOSFODNN7EXAMPLE --yes",
		Args: oneUser,
		RunE: func(cmd *cobra.Command, names []string) error {
			w.question, w.title = "Go back to the earlier key?", "Going back to an earlier key of "+names[0]
			return w.carry(cmd, o, fleet.Ask{User: names[0], Request: rotation.Request{Kind: rotation.RequestRollback, KeyID: to}})
		},
	}
	cmd.Flags().StringVar(&to, "to", "", "key to go back to (default: the one that AWSPREVIOUS names)")
	w.flags(cmd, o)
	return cmd
}
