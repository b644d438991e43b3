package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/rotation"
)

// apiKeyLine is a line of `apikey list --json`: an API key as the API shows it, and whether it is good.
type apiKeyLine struct {
	api.Key
	State string `json:"state"` // good, expired or revoked
}

func keyState(k api.Key, now time.Time) string {
	switch {
	case k.Revoked != nil:
		return "revoked"
	case k.Expires != nil && !now.Before(*k.Expires):
		return "expired"
	}
	return "good"
}

// newAPIKey prints a key, once: the key itself on stdout, what it is on stderr.
func (p *printer) newAPIKey(o *options, k api.Key, text rotation.Sensitive) error {
	var err error
	if o.json {
		err = p.value(api.NewKey{Key: k, Text: text.Reveal()})
	} else {
		_, err = fmt.Fprintln(p.out, text.Reveal())
		p.note("%s the API key %s (%s): %s; good until %s. It is shown this once, and kept nowhere; servers accept it within 5 seconds.",
			green.Render("✓"), k.ID, k.Name, grants(k), clockTime(*k.Expires, p.errTTY))
	}
	if err == nil {
		err = p.sink.err
	}
	if err != nil {
		return fmt.Errorf("the API key %s was made and could not be printed (%w): revoke it with `keyturn apikey revoke %s`, and make another",
			k.ID, err, k.ID)
	}
	return nil
}

// grants is what a key may do, in words.
func grants(k api.Key) string {
	text := strings.Join(k.Scopes, ", ")
	if len(k.Users) > 0 {
		text += " of " + strings.Join(k.Users, ", ")
	}
	if len(k.Networks) > 0 {
		text += ", from " + strings.Join(k.Networks, ", ")
	}
	return text
}

func newAPIKeyList(o *options) *cobra.Command {
	all := false
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "Show the API keys and what each may do",
		Long:    "Shows the keys that are good; with --all also those that were revoked or have expired, for 30 days.",
		Example: "keyturn apikey list\nkeyturn apikey list --all --json | jq -r 'select(.state == \"expired\") | .name'",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			d, err := openKeys(cmd, o)
			if err != nil {
				return err
			}
			keys, now, err := d.Keys(cmd.Context())
			if err != nil {
				return err
			}
			over := 0
			var rows [][]cell
			for _, k := range keys {
				state := keyState(k, now)
				if state != "good" && !all {
					over++
					continue
				}
				if o.json {
					if err := o.out.record(apiKeyLine{k, state}); err != nil {
						return err
					}
					continue
				}
				at := func(t *time.Time) cell {
					if t == nil {
						return cell{}
					}
					return plain(o.out.at(*t))
				}
				rows = append(rows, []cell{plain(k.ID), plain(k.Name), plain(state), plain(strings.Join(k.Scopes, ",")),
					plain(strings.Join(k.Users, ",")), plain(strings.Join(k.Networks, ",")), at(k.Created), at(k.Expires), at(k.LastUsed), plain(k.By)})
			}
			switch {
			case o.json:
			case len(rows) == 0:
				o.out.note("there is no API key that is good: `keyturn apikey create NAME` makes one")
			default:
				o.out.table([]string{"ID", "NAME", "STATE", "SCOPES", "USERS", "NETWORKS", "CREATED", "EXPIRES", "USED", "BY"}, rows, "BY",
					"CREATED", "NETWORKS", "USED")
			}
			if over > 0 && !o.json {
				o.out.note("%s not shown: revoked or expired; --all shows them", counted(over, "key is", "keys are"))
			}
			return nil
		},
	}
	cmd.Flags().BoolVarP(&all, "all", "a", false, "show keys that are over, too")
	jsonFlag(cmd, o, "one line of JSON per key")
	return cmd
}
