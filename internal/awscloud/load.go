package awscloud

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/logging"
	"github.com/aws/smithy-go/middleware"

	"github.com/keyturn/keyturn/internal/rotation"
)

// Account is one AWS account as keyturn's own credentials reach it. It may be used by many goroutines.
type Account struct {
	cfg     Config
	regions []string
	name    *nameTemplate
	clock   *clock
	pacers  *pacers
	wire    *wire
	custom  bool

	iam *iam.Client
	sts *sts.Client // with our own credentials
	sm  *secretsmanager.Client

	base   aws.Config // for the probes' clients
	mu     sync.Mutex
	probes map[string]*sts.Client // by Region; no credentials of their own
	// noSimulator is why IAM's policy simulator cannot be asked; nil: it was never refused.
	noSimulator error
}

// Load makes the clients. It asks AWS nothing: credentials that are missing or wrong show at the first call, so begin with
// Account.Identity.
func Load(ctx context.Context, c Config) (*Account, error) {
	c = c.withDefaults()
	if err := c.validate(); err != nil {
		return nil, fmt.Errorf("AWS configuration: %w", err)
	}
	name, err := newNameTemplate(c.SecretName, c.Existing)
	if err != nil {
		return nil, err
	}
	base, err := sdkConfig(ctx, c)
	if err != nil {
		return nil, err
	}
	regions := c.Regions
	if len(regions) == 0 {
		if base.Region == "" {
			return nil, errors.New("no AWS Region is configured: set region in the configuration, AWS_REGION, or region in the AWS profile")
		}
		regions = []string{base.Region}
	}
	base.Region = regions[0]
	a := &Account{cfg: c, regions: regions, name: name, clock: &clock{}, pacers: newPacers(c.Pace), probes: map[string]*sts.Client{}}
	a.wire = &wire{next: httpClient(c, base), clock: a.clock, allowPlain: c.IgnoreEnvironment, calls: &atomic.Int64{}}
	if c.Before != nil {
		a.clock, a.pacers = c.Before.clock, c.Before.pacers
		a.wire.clock, a.wire.calls = a.clock, c.Before.wire.calls
		a.cfg.Before = nil // or each would keep all that were before it
	}
	base.HTTPClient = a.wire
	base.APIOptions = append(base.APIOptions, func(s *middleware.Stack) error {
		return s.Finalize.Insert(&attemptStep{a: a}, "Retry", middleware.After)
	})
	base.RetryMaxAttempts, base.Retryer = 0, func() aws.Retryer { return newRetryer(c) }
	base.Logger = logging.Nop{}            // what a person must know is in the errors
	base.DisableClockSkewCorrection = true // ours is shared by all services and survives the call: see clock.go
	a.base = base

	signer := newSigner(a.clock)
	a.iam = iam.NewFromConfig(base, func(o *iam.Options) { o.HTTPSignerV4 = signer })
	a.sm = secretsmanager.NewFromConfig(base, func(o *secretsmanager.Options) { o.HTTPSignerV4 = signer })
	a.sts = sts.NewFromConfig(base, func(o *sts.Options) { o.HTTPSignerV4 = signer })
	for service, endpoint := range map[string]*string{
		"IAM": a.iam.Options().BaseEndpoint, "Secrets Manager": a.sm.Options().BaseEndpoint, "STS": a.sts.Options().BaseEndpoint,
	} {
		if endpoint == nil {
			continue
		}
		a.custom = true
		if err := checkEndpoint(service, *endpoint, c.IgnoreEnvironment); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// TakeOver makes the account's own pace count, for the account Before it as well.
func (a *Account) TakeOver() { a.pacers.set(a.cfg.Pace) }

// sdkConfig is the SDK's configuration: from its own chain, or from nothing but c.
func sdkConfig(ctx context.Context, c Config) (aws.Config, error) {
	if c.IgnoreEnvironment {
		return aws.Config{Region: c.Regions[0], Credentials: c.static(), BaseEndpoint: aws.String(c.Endpoint)}, nil
	}
	opts := []func(*config.LoadOptions) error{config.WithLogger(logging.Nop{})} // the chain of credentials has words of its own
	if len(c.Regions) > 0 {
		opts = append(opts, config.WithRegion(c.Regions[0]))
	}
	if c.Profile != "" {
		opts = append(opts, config.WithSharedConfigProfile(c.Profile))
	}
	if p := c.static(); p != nil {
		opts = append(opts, config.WithCredentialsProvider(p))
	}
	cfg, err := config.LoadDefaultConfig(ctx, opts...)
	if err != nil {
		return cfg, fmt.Errorf("reading the AWS configuration (environment and ~/.aws): %w", err)
	}
	if c.Endpoint != "" {
		// A service's own AWS_ENDPOINT_URL_… would win over it.
		cfg.BaseEndpoint, cfg.ConfigSources = aws.String(c.Endpoint), nil
	}
	return cfg, nil
}

// staticCredentials is a func, which prints as an address: the SDK's own provider would print the secret with whatever holds it.
func staticCredentials(id string, secret rotation.Sensitive) aws.CredentialsProvider {
	return aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: id, SecretAccessKey: secret.Reveal(), Source: "keyturn"}, nil
	})
}

// checkEndpoint refuses to send signed requests, and to receive secrets, over a wire that others can read.
func checkEndpoint(service, endpoint string, allowPlain bool) error {
	u, err := url.Parse(endpoint)
	if err != nil {
		return fmt.Errorf("the endpoint of %s is not a URL like https://host:port", service)
	}
	shown := u.Redacted() // somebody's password may be in it
	if u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("the endpoint %q of %s is not a URL like https://host:port", shown, service)
	}
	if plainBeyondLoopback(u) && !allowPlain {
		return fmt.Errorf("the endpoint %s of %s is plain http, so that anyone on the way could read the secret keys: use https, or "+
			"an endpoint on this machine (127.0.0.1)", shown, service)
	}
	return nil
}

// plainBeyondLoopback: names below localhost count as beyond, as not every resolver keeps them on this machine.
func plainBeyondLoopback(u *url.URL) bool {
	if u.Scheme == "https" {
		return false
	}
	if strings.EqualFold(u.Hostname(), "localhost") {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return ip == nil || !ip.IsLoopback()
}

// probeClient is STS in a Region without any credentials of ours: whoever uses it signs with the key under test.
func (a *Account) probeClient(region string) *sts.Client {
	a.mu.Lock()
	defer a.mu.Unlock()
	if c := a.probes[region]; c != nil {
		return c
	}
	cfg := a.base.Copy()
	cfg.Region, cfg.Credentials = region, nil
	c := sts.NewFromConfig(cfg, func(o *sts.Options) {
		o.HTTPSignerV4 = newProbeSigner(a.clock)
		o.Retryer = aws.NopRetryer{}
	})
	a.probes[region] = c
	return c
}
