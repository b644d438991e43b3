package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/spf13/cobra"

	"github.com/keyturn/keyturn/client"
	"github.com/keyturn/keyturn/internal/agent"
	"github.com/keyturn/keyturn/internal/keycache"
)

// processOptions are the flags of `keyturn credential-process`.
type processOptions struct {
	upstream  upstream
	tokenFile string
	cache     bool
	watch     bool
}

func newCredentialProcess(o *options) *cobra.Command {
	var p processOptions
	cmd := &cobra.Command{
		Use:   "credential-process USER",
		Short: "Print a user's credentials for credential_process in ~/.aws/config",
		Long: "Prints a user's current credentials as AWS SDKs and the aws CLI want them from a program. It asks the agent of this machine " +
			"when one runs (see `keyturn agent`), which costs next to nothing and bridges a server that is away, and the server otherwise. " +
			upstreamHelp + "\n\nNothing is kept on a disk. With --cache, for machines without an agent, credentials are kept in memory, " +
			"as a file in XDG_RUNTIME_DIR that only its owner can read and that is removed at its Expiration.",
		Example: "keyturn credential-process ci-deploy\nkeyturn connect ci-deploy --for cli --via process    # prints the profile that runs it",
		Args:    oneUser,
		RunE: func(cmd *cobra.Command, args []string) error {
			if p.watch {
				c, err := keycache.Open(os.Getenv)
				if err == nil {
					c.Keep()
				}
				return err
			}
			user, err := apiUser(args[0])
			if err != nil {
				return err
			}
			got, err := p.credentials(cmd.Context(), user, o)
			if err != nil {
				return err
			}
			return o.out.value(struct {
				Version         int
				AccessKeyID     string `json:"AccessKeyId"`
				SecretAccessKey string
				Expiration      string
			}{1, got.AccessKeyID, got.SecretAccessKey, got.Expires.UTC().Format(time.RFC3339)})
		},
	}
	p.upstream.flags(cmd)
	tokenFlag(cmd, &p.tokenFile)
	cmd.Flags().BoolVar(&p.cache, "cache", false, "keep credentials in memory until they expire, for machines without an agent")
	cmd.Flags().BoolVar(&p.watch, "watch-cache", false, "")
	_ = cmd.Flags().MarkHidden("watch-cache") // the program starts itself with it
	return cmd
}

// credentials come from the agent when one runs, otherwise from what is kept or from the server.
func (p processOptions) credentials(ctx context.Context, user string, o *options) (aws.Credentials, error) {
	got, err := p.fromAgent(ctx, user)
	if err == nil || !p.upstream.named() {
		if errors.Is(err, agent.ErrNone) {
			_, err = p.upstream.client() // says what to set
		}
		return got, err
	}
	if !errors.Is(err, agent.ErrNone) {
		o.out.warn(err.Error() + "; the server is asked instead")
	}
	c, err := p.upstream.client()
	if err != nil {
		return aws.Credentials{}, err
	}
	c.User = user
	if !p.cache {
		return once(ctx, c)
	}
	cache, err := keycache.Open(os.Getenv)
	if err != nil {
		return aws.Credentials{}, usagef("%v", err)
	}
	return kept(ctx, cache, c)
}

// fromAgent asks the agent of this machine; agent.ErrNone when none runs.
func (p processOptions) fromAgent(ctx context.Context, user string) (aws.Credentials, error) {
	path, err := tokenPath(p.tokenFile)
	if err != nil {
		return aws.Credentials{}, agent.ErrNone // there is no place where one could have left its token
	}
	place, err := agent.Find(path)
	if err != nil {
		return aws.Credentials{}, err
	}
	return once(ctx, client.Config{URL: place.URL, User: user, APIKeyFile: place.TokenFile})
}

// once asks once, or for some seconds if nobody answers.
func once(ctx context.Context, c client.Config) (aws.Credentials, error) {
	p, err := client.New(c)
	if err != nil {
		return aws.Credentials{}, usagef("%v", err)
	}
	defer p.Close()
	return p.Retrieve(ctx)
}

// freshFor is how long what is kept is used without asking: botocore runs the program for each request once a key has less than ten
// minutes left.
const freshFor = time.Minute

// kept gives what is kept while it is fresh, then what the server gives, and what is kept until its Expiration if the server gives nothing.
func kept(ctx context.Context, cache *keycache.Cache, c client.Config) (aws.Credentials, error) {
	cache.Sweep()
	e, ok := cache.Get(c.URL, c.User)
	had := aws.Credentials{AccessKeyID: e.AccessKeyID, SecretAccessKey: e.SecretAccessKey, CanExpire: true, Expires: e.Expiration}
	if ok && time.Since(e.Fetched) < min(freshFor, e.Expiration.Sub(e.Fetched)/2) {
		return had, nil
	}
	ask := ctx
	if ok { // it need not wait for long
		short, cancel := context.WithTimeout(ctx, 3*time.Second)
		defer cancel()
		ask = short
	}
	got, err := once(ask, c)
	if err != nil {
		if ok && time.Now().Before(e.Expiration) {
			return had, nil
		}
		return aws.Credentials{}, err
	}
	e = keycache.Entry{AccessKeyID: got.AccessKeyID, SecretAccessKey: got.SecretAccessKey, Expiration: got.Expires, Fetched: time.Now()}
	if err := cache.Put(c.URL, c.User, e); err != nil {
		return aws.Credentials{}, err
	}
	if err := guarded(cache); err != nil {
		cache.Drop(c.URL, c.User) // nobody would remove it
	}
	return got, nil
}

// guarded has a process of its own remove what is kept at its Expiration. A crash before it runs leaves a file in memory that the next run
// removes, of a key that is dead by then.
func guarded(cache *keycache.Cache) error {
	if cache.Guarded() {
		return nil
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	//nolint:noctx // it outlives this program
	cmd := exec.Command(self, "credential-process", "--watch-cache", "-")
	cmd.Env = []string{"XDG_RUNTIME_DIR=" + os.Getenv("XDG_RUNTIME_DIR"), "GOMEMLIMIT=16MiB"} // and no API key
	cmd.Dir = "/"
	cmd.SysProcAttr = detached // who waits for this program's end does not wait for it
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting what removes the credentials: %w", err)
	}
	return cmd.Process.Release()
}
