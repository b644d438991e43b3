package main

import (
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/remote"
)

func newExec(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "exec USER -- COMMAND [ARGUMENT…]",
		Short: "Run a command with a user's current credentials",
		Long: "Runs a command with a user's current credentials in its environment and nowhere else. The command takes keyturn's place: it has the " +
			"terminal and gets the signals, and its exit code is the exit code. What keyturn itself was given (KEYTURN_API_KEY, other credentials for " +
			"AWS) it does not get.\n\nThe credentials work until AWS_CREDENTIAL_EXPIRATION and are not renewed: a command that runs for longer needs one " +
			"of the ways of `keyturn connect`.\n\n" + fromWhere,
		Example: "keyturn exec ci-deploy -- aws s3 sync build s3://site\nkeyturn exec 123456789012/ci-deploy -- terraform apply",
		RunE: func(cmd *cobra.Command, args []string) error {
			user, command, err := execArguments(cmd, args)
			if err != nil {
				return err
			}
			path, err := exec.LookPath(command[0])
			if err != nil && !errors.Is(err, exec.ErrDot) {
				return usagef("there is no command %q that can be run: %v", command[0], errors.Unwrap(err))
			}
			if err != nil {
				return usagef("%q is found in this folder only by a relative PATH: write ./%s if that is meant", command[0], command[0])
			}
			c, err := credentialOf(cmd.Context(), o, user)
			if err != nil {
				return err
			}
			return become(cmd.Context(), path, command, childEnvironment(os.Environ(), c))
		},
	}
	cmd.Flags().SetInterspersed(false) // what follows is the command's
	return cmd
}

func execArguments(cmd *cobra.Command, args []string) (user string, command []string, err error) {
	if len(args) > 1 && args[1] == "--" {
		args = slices.Delete(slices.Clone(args), 1, 2)
	} else if len(args) > 1 && strings.HasPrefix(args[1], "-") {
		return "", nil, usagef("flags of `%s` stand before the user, and the command behind --; see `%s --help`", cmd.CommandPath(), cmd.CommandPath())
	}
	if len(args) < 2 {
		return "", nil, usagef("`%s` takes one user and a command: `%s USER -- COMMAND`", cmd.CommandPath(), cmd.CommandPath())
	}
	return args[0], args[1:], nil
}

// notForChildren are variables that would give a child other credentials than those that it is to have, or keyturn's own.
var notForChildren = []string{
	"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN", "AWS_CREDENTIAL_EXPIRATION", "AWS_PROFILE",
	"AWS_DEFAULT_PROFILE", "AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI",
	"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", remote.KeyVariable,
}

// childEnvironment is this environment with a user's credentials instead of whatever others there are.
func childEnvironment(own []string, c fleet.Credential) []string {
	out := slices.DeleteFunc(slices.Clone(own), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return slices.ContainsFunc(notForChildren, func(n string) bool { return strings.EqualFold(n, name) })
	})
	return append(out, "AWS_ACCESS_KEY_ID="+c.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+c.SecretAccessKey.Reveal(),
		"AWS_CREDENTIAL_EXPIRATION="+expires(c))
}
