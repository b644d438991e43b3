package awscloud

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/keyturn/keyturn/internal/rotation"
)

// Config says how to reach AWS and how secrets are written. Only SecretName has no useful zero.
type Config struct {
	// Regions are where consumers are: keys are verified there, and the first holds the secrets. Empty: the one Region that
	// the SDK finds in its environment or profile.
	Regions []string
	// Profile of the shared AWS configuration files. Empty: the SDK's own choice.
	Profile string
	// Endpoint replaces the endpoints of all services, e.g. "http://127.0.0.1:4566". Empty: AWS's own, or what
	// AWS_ENDPOINT_URL and the profile say. Plain http is refused beyond loopback, unless IgnoreEnvironment is set.
	Endpoint string
	// IgnoreEnvironment leaves the environment, ~/.aws and the machine's role alone: then Regions, Endpoint, AccessKeyID and
	// SecretAccessKey are needed. It is for simulated AWS only.
	IgnoreEnvironment bool
	// AccessKeyID and SecretAccessKey are credentials to use instead of those that the SDK finds. Empty: the SDK's own chain.
	AccessKeyID     string
	SecretAccessKey rotation.Sensitive

	// HTTPClient sends the requests of the three services. Nil: a pool of connections of its own, sized by Concurrency.
	HTTPClient interface {
		Do(*http.Request) (*http.Response, error)
	}
	// Concurrency is how many users are in work at once. Zero: 16.
	Concurrency int
	// HTTPTimeout bounds one request, from the connection to the last byte of the answer. Zero: 10 s.
	HTTPTimeout time.Duration
	// MaxAttempts is how often a call is tried in all, CreateAccessKey and the probes of new keys aside: those are sent once.
	// Zero: 3.
	MaxAttempts int
	// MaxBackoff is the longest wait between two attempts; the first wait is a twentieth of it. Zero: 5 s.
	MaxBackoff time.Duration
	// Random spreads the waits between attempts: a number from 0 to below 1. Many goroutines call it. Nil: math/rand.
	Random func() float64
	// Before is an account that this one takes the place of: its clock, its count of calls and its pacers go on, so that the calls
	// of both together stay within one pace, which is the old one until Account.TakeOver. Nil: none.
	Before *Account
	// OnAttempt is told of every request and what came of it, by many goroutines, and should be quick. Nil: nobody is.
	OnAttempt func(Attempt)
	// Pace bounds the requests per second. The zero value bounds nothing; see [DefaultPace].
	Pace Pace

	// SecretName is a text/template of the secret's name: {{.User}}, {{.Account}}, {{.Path}} (with both slashes).
	SecretName string
	// Existing: the secrets stood before keyturn and other people keep fields in them. Their names are taken as they are
	// (nothing is escaped), and the value is read before every change.
	Existing bool
	// KMSKeyID encrypts new secrets. Empty: the AWS managed key.
	KMSKeyID string
	// Tags are put on new secrets, beside keyturn's own.
	Tags map[string]string
	// Fields names the JSON fields of the value. Zero: [DefaultFields].
	Fields Fields
}

// Pace is requests per second, retries included, for the account and per Region, one after the other (burst 1). Zero lifts a
// bound.
type Pace struct {
	IAM          float64 // all calls of IAM together
	STS          float64 // GetCallerIdentity, per Region
	SecretWrites float64 // PutSecretValue and UpdateSecretVersionStage together; CreateSecret has as many of its own
	SecretTags   float64 // TagResource and UntagResource together; ListSecretVersionIds has as many of its own
	SecretReads  float64 // DescribeSecret and GetSecretValue together
	Stacks       float64 // all calls of CloudFormation together, per Region
}

// DefaultPace stays below what AWS allows every account (50 writes and 50 taggings a second), and far below where IAM was
// ever seen to throttle. CloudFormation publishes no number.
func DefaultPace() Pace {
	return Pace{IAM: 20, STS: 50, SecretWrites: 45, SecretTags: 45, SecretReads: 200, Stacks: 10}
}

// Fields are the names of the JSON fields in a secret's value. An empty name leaves the field out; the first two are needed.
type Fields struct {
	AccessKeyID, SecretAccessKey, UserName, CreatedDate, Email, OldAccessKeyID string
}

// DefaultFields are AWS's own names where it has any.
func DefaultFields() Fields {
	return Fields{AccessKeyID: "AccessKeyId", SecretAccessKey: "SecretAccessKey", UserName: "UserName",
		CreatedDate: "CreatedDate", Email: "Email", OldAccessKeyID: "OldAccessKeyId"}
}

func (f Fields) names() []string {
	return []string{f.AccessKeyID, f.SecretAccessKey, f.UserName, f.CreatedDate, f.Email, f.OldAccessKeyID}
}

// own reports whether a field of a value is keyturn's.
func (f Fields) own(name string) bool { return name != "" && slices.Contains(f.names(), name) }

func (c Config) withDefaults() Config {
	if c.Concurrency <= 0 {
		c.Concurrency = 16
	}
	if c.HTTPTimeout <= 0 {
		c.HTTPTimeout = 10 * time.Second
	}
	if c.MaxAttempts <= 0 {
		c.MaxAttempts = 3
	}
	if c.MaxBackoff <= 0 {
		c.MaxBackoff = 5 * time.Second
	}
	if c.Fields == (Fields{}) {
		c.Fields = DefaultFields()
	}
	return c
}

func (c Config) validate() error {
	if c.Fields.AccessKeyID == "" || c.Fields.SecretAccessKey == "" {
		return errors.New("the secret's fields for the access key id and the secret access key need names")
	}
	seen := map[string]bool{}
	for _, n := range c.Fields.names() {
		if n != "" && seen[n] {
			return fmt.Errorf("two of the secret's fields have the name %q: choose another", n)
		}
		seen[n] = true
	}
	if (c.AccessKeyID == "") != c.SecretAccessKey.IsZero() {
		return errors.New("an access key id and a secret access key are given together or not at all")
	}
	if c.IgnoreEnvironment && (len(c.Regions) == 0 || c.Endpoint == "" || c.AccessKeyID == "") {
		return errors.New("with the environment ignored, the Regions, the endpoint and the credentials must be given")
	}
	return nil
}

// static are the credentials given, or nil.
func (c Config) static() aws.CredentialsProvider {
	if c.AccessKeyID == "" {
		return nil
	}
	return staticCredentials(c.AccessKeyID, c.SecretAccessKey)
}
