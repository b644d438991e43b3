package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/rotation"
)

func newRevoke(o *options) *cobra.Command {
	w := wish{patience: 5 * time.Minute}
	key := ""
	cmd := &cobra.Command{
		Use:   "revoke USER --key KEYID",
		Short: "Deactivate a leaked key now, without any grace",
		Long: "Deactivates a key at once, for good: it is marked as revoked first, so that it never comes back, whoever reactivates it. If it " +
			"is the current key and a slot is free, its successor is made and promoted before; without a free slot the key before is " +
			"promoted again a settle time later, if it still works, and else there is none until one can be made. The key is deleted after the retention. When a run is at work on the user, or AWS was " +
			"changed a moment ago, revoke waits for that up to --wait. It works without the daemon.",
		Example: "keyturn revoke ci-deploy --key AKIAIOSFODNN7EXAMPLE --why \"found in a public repository\"",
		Args:    oneUser,
		RunE: func(cmd *cobra.Command, names []string) error {
			if key == "" {
				return usagef("`%s` needs --key KEYID: the access key that leaked; `keyturn status %s --json` shows its keys", cmd.CommandPath(),
					names[0])
			}
			w.question, w.title = "Revoke "+key+"?", "Revoking "+key+" of "+names[0]
			return w.carry(cmd, o, fleet.Ask{User: names[0], Request: rotation.Request{Kind: rotation.RequestRevoke, KeyID: key}})
		},
	}
	cmd.Flags().StringVar(&key, "key", "", "access key id to revoke")
	w.flags(cmd, o)
	return cmd
}
