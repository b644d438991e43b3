package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/fleet"
)

// getForms are the values of --format, each with how it is printed.
var getForms = map[string]func(*printer, fleet.Credential) error{
	"env":    (*printer).envForm,
	"json":   func(p *printer, c fleet.Credential) error { return p.value(api.CredentialOf(c)) },
	"ini":    (*printer).iniForm,
	"dotenv": (*printer).dotenvForm,
}

func newGet(o *options) *cobra.Command {
	form := "env"
	cmd := &cobra.Command{
		Use:   "get USER",
		Short: "Print a user's current credentials",
		Long: "Prints a user's current credentials on stdout, in plain text: as lines for a shell (env), as JSON (json), as a section of " +
			"~/.aws/credentials (ini), or as a file of variables for a container (dotenv). They work until the time that is printed with them, and are " +
			"replaced soon after: a program that runs for longer needs one of the ways of `keyturn connect`.\n\n" + fromWhere,
		Example: "eval \"$(keyturn get ci-deploy)\"\nkeyturn get ci-deploy --format json | jq -r .expiration\n" +
			"keyturn get ci-deploy --format dotenv > .env && docker run --env-file .env app",
		Args: oneUser,
		RunE: func(cmd *cobra.Command, names []string) error {
			print := getForms[form]
			if print == nil {
				return usagef("--format is env, json, ini or dotenv, and not %q", form)
			}
			c, err := credentialOf(cmd.Context(), o, names[0])
			if err != nil {
				return err
			}
			return print(o.out, c)
		},
	}
	cmd.Flags().StringVar(&form, "format", form, "one of env, json, ini and dotenv")
	return cmd
}

// fromWhere says for `get` and `exec` who is asked.
const fromWhere = "They come from the server that KEYTURN_URL names, with the API key in KEYTURN_API_KEY, when it is set; otherwise straight from " +
	"Secrets Manager, by keyturn.yaml and this machine's credentials for AWS."

// credentialOf gives a user's credential, from the server that the environment names or from AWS.
func credentialOf(ctx context.Context, o *options, name string) (fleet.Credential, error) {
	if c, err := dialServer(); c != nil || err != nil {
		if err != nil {
			return fleet.Credential{}, err
		}
		defer c.Close()
		return c.Credential(ctx, name)
	}
	a, err := openApp(ctx, o, readDatabase)
	if err != nil {
		return fleet.Credential{}, err
	}
	defer a.close()
	office, err := fleet.NewOffice(fleet.OfficeConfig{DB: a.db, Fleet: func() *fleet.Fleet { return a.fleet }, Version: versionText()})
	if err != nil {
		return fleet.Credential{}, err
	}
	return office.Credential(ctx, name)
}

func expires(c fleet.Credential) string { return c.Expiration.UTC().Format(time.RFC3339) }

// envForm is for a shell. A session token of other credentials would make these useless.
func (p *printer) envForm(c fleet.Credential) error {
	_, err := fmt.Fprintf(p.out, "export AWS_ACCESS_KEY_ID=%s\nexport AWS_SECRET_ACCESS_KEY=%s\nexport AWS_CREDENTIAL_EXPIRATION=%s\n"+
		"unset AWS_SESSION_TOKEN\n", shellWord(c.AccessKeyID), shellWord(c.SecretAccessKey.Reveal()), expires(c))
	return err
}

// shellWord is one word of a shell.
func shellWord(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

const notRenewed = "what stands in a file is not renewed"

func (p *printer) iniForm(c fleet.Credential) error {
	if err := plainValues(c, "ini"); err != nil {
		return err
	}
	_, err := fmt.Fprintf(p.out, "# until %s: %s\n[%s]\naws_access_key_id = %s\naws_secret_access_key = %s\n", expires(c), notRenewed,
		c.User.Name, c.AccessKeyID, c.SecretAccessKey.Reveal())
	return err
}

// dotenvForm has no quotes: docker takes them for a part of the value.
func (p *printer) dotenvForm(c fleet.Credential) error {
	if err := plainValues(c, "dotenv"); err != nil {
		return err
	}
	_, err := fmt.Fprintf(p.out, "# until %s: %s\nAWS_ACCESS_KEY_ID=%s\nAWS_SECRET_ACCESS_KEY=%s\nAWS_CREDENTIAL_EXPIRATION=%s\n", expires(c),
		notRenewed, c.AccessKeyID, c.SecretAccessKey.Reveal(), expires(c))
	return err
}

// plainValues refuses what a format without quotes cannot hold. Keys that AWS made have none of it; a person may have put anything there.
func plainValues(c fleet.Credential, form string) error {
	for _, s := range []string{c.AccessKeyID, c.SecretAccessKey.Reveal()} {
		for _, r := range s {
			if r <= ' ' || r > '~' || strings.ContainsRune("\"'`#;$\\", r) {
				return fmt.Errorf("the key of %s has characters that --format %s cannot hold: a person put it there; take --format env or json, or rotate "+
					"the user", c.User, form)
			}
		}
	}
	return nil
}
