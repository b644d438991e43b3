package main

import (
	"context"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/keyturn/keyturn/client"
	"github.com/keyturn/keyturn/internal/agent"
)

// upstream is the keyturn server that credentials come from. The API key is never an argument: those are for everybody to see.
type upstream struct {
	url     string
	keyFile string
	caFile  string
}

const upstreamHelp = "The server is named by KEYTURN_URL, and the API key, with the scope credentials:read, by KEYTURN_API_KEY or a file; or " +
	"KEYTURN_AWS_IDENTITY=1 shows this machine's AWS identity instead, if api.aws_identities names it."

func (u *upstream) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&u.url, "url", "", "address of the keyturn server (default: $KEYTURN_URL)")
	cmd.Flags().StringVar(&u.keyFile, "api-key-file", "", "file that holds the API key (default: the key in $KEYTURN_API_KEY)")
	cmd.Flags().StringVar(&u.caFile, "ca-file", "", "certificates in PEM form that the server's may come from (default: the system's)")
}

// named reports whether a server is named at all.
func (u upstream) named() bool { return u.url != "" || os.Getenv("KEYTURN_URL") != "" }

// client is what to ask the server with, of whose user is not said yet.
func (u upstream) client() (client.Config, error) {
	c := client.Config{URL: u.url, APIKeyFile: u.keyFile, CAFile: u.caFile}
	if c.URL == "" {
		c.URL = os.Getenv("KEYTURN_URL")
	}
	prove, err := prover(c.URL)
	switch {
	case err != nil:
		return c, err
	case prove != nil && c.APIKeyFile != "":
		return c, usagef("--api-key-file and %s are both given: show an API key or an AWS identity", identityVariable)
	case prove != nil:
		c.Show = func(ctx context.Context) (string, error) {
			text, err := prove(ctx)
			return text.Reveal(), err
		}
	case c.APIKeyFile == "":
		c.APIKey = os.Getenv("KEYTURN_API_KEY")
	}
	switch {
	case c.URL == "":
		return c, usagef("no keyturn server is named: set KEYTURN_URL to its address, such as https://keyturn.example.com:8443, or give --url")
	case c.APIKey == "" && c.APIKeyFile == "" && c.Show == nil:
		return c, usagef("no API key is given: put one with the scope credentials:read into KEYTURN_API_KEY, or name its file with --api-key-file")
	}
	return c, nil
}

// apiUser is a user as addresses name it: NAME or ACCOUNT:NAME.
func apiUser(text string) (string, error) {
	name := strings.Replace(text, "/", ":", 1)
	if !agent.Legal(name) {
		return "", usagef("%q is no name of an IAM user: write NAME or ACCOUNT/NAME", text)
	}
	return name, nil
}
