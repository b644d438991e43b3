package awscloud

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/keyturn/keyturn/internal/rotation"
)

// Identity is who keyturn itself is.
type Identity struct {
	Account string // 12 digits
	ARN     string
	UserID  string
}

// Identity asks STS who our own credentials belong to. It needs no permission, so it tells bad credentials from missing rights.
func (a *Account) Identity(ctx context.Context) (Identity, error) {
	c := &call{service: "sts", operation: "GetCallerIdentity", region: a.Home(), target: "keyturn's own credentials"}
	out, err := do(ctx, c, func(ctx context.Context) (*sts.GetCallerIdentityOutput, error) {
		return a.sts.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	})
	if err != nil {
		return Identity{}, err
	}
	if aws.ToString(out.Account) == "" || aws.ToString(out.Arn) == "" {
		return Identity{}, c.lacks("account")
	}
	return Identity{aws.ToString(out.Account), aws.ToString(out.Arn), aws.ToString(out.UserId)}, nil
}

// Home is the Region that holds the secrets.
func (a *Account) Home() string { return a.regions[0] }

// Regions are all Regions in which keys are verified, the secrets' own first.
func (a *Account) Regions() []string { return slices.Clone(a.regions) }

// CustomEndpoint reports whether any service is reached at another address than AWS's own: then it is not real AWS, as far as
// one can tell.
func (a *Account) CustomEndpoint() bool { return a.custom }

// Now is AWS's time: the Date of its last answer and the time since then, whatever the local clock says. Zero before the first
// answer.
func (a *Account) Now() time.Time { return a.clock.now() }

// Calls is how many requests were sent so far by everyone, retries included.
func (a *Account) Calls() int64 { return a.wire.calls.Load() }

// Subject is a user that a session is about.
type Subject struct {
	User   rotation.User
	Path   string // IAM path with both slashes; empty: "/"
	UserID string // IAM's unique id, which probes of its keys must answer; empty: unknown, then only the names are compared
	Email  string // written into the secret; empty: none
}

// Session is one user's AWS for the length of one run. Its calls are made one after the other.
type Session struct {
	a       *Account
	subject Subject
	secret  string // name
	calls   atomic.Int64
	date    atomic.Int64 // Unix seconds; 0: none yet
	foreign foreignness  // whether the secret holds fields of other people
}

// Session begins a run. It fails when the user's secret can have no name.
func (a *Account) Session(s Subject) (*Session, error) {
	if s.Path == "" {
		s.Path = "/"
	}
	name, err := a.name.name(s.User.Name, s.User.Account, s.Path)
	if err != nil {
		return nil, err
	}
	return &Session{a: a, subject: s, secret: name}, nil
}

// SecretName is the name of the user's secret.
func (s *Session) SecretName() string { return s.secret }

// Date is the latest Date that AWS answered in this run, whole seconds, failed answers included; zero: none yet.
func (s *Session) Date() time.Time {
	if n := s.date.Load(); n != 0 {
		return time.Unix(n, 0).UTC()
	}
	return time.Time{}
}

// hear takes in a Date. It only ever goes forward in one run: steps of a run must not seem to undo each other.
func (s *Session) hear(date time.Time) {
	for n := date.Unix(); ; {
		old := s.date.Load()
		if n <= old || s.date.CompareAndSwap(old, n) {
			return
		}
	}
}

// Calls is how many requests were sent in this run, retries included.
func (s *Session) Calls() int { return int(s.calls.Load()) }

// call begins a call about the user, or about one of its keys.
func (s *Session) call(service, operation, keyID string) *call {
	target := s.subject.User.String()
	if keyID != "" {
		target = "access key " + keyID + " of " + target
	}
	return &call{service: service, operation: operation, region: s.a.Home(), target: target, session: s}
}

// about begins a call about the user's secret.
func (s *Session) about(operation string) *call {
	return &call{service: "secretsmanager", operation: operation, region: s.a.Home(), target: "the secret " + s.secret, session: s}
}
