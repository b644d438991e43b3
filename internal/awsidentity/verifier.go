package awsidentity

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"time"

	"github.com/keyturn/keyturn/internal/apikey"
)

const (
	lives    = 60 * time.Second // from when a proof was signed
	ahead    = 15 * time.Second // by which the clock of who signs may be before ours
	grain    = time.Second      // of the times that AWS and proofs name
	timeout  = 5 * time.Second  // of STS
	atOnce   = 32               // questions to STS
	fromOne  = 8                // of these, by one address: anybody may ask, and has one asked with whatever is no good
	longest  = 16 << 10         // of its answer, in bytes
	outlives = 15 * time.Minute // how long a request that was let in may go on (streams)
)

// callerPrefix begins the id of a caller that is an AWS identity; its account and unique id follow.
const callerPrefix = "aws:"

// Identity is an IAM user or role, and what it may do here.
type Identity struct {
	Account  string // 12 digits
	UniqueID string // AIDA… or AROA…, as `aws iam get-role` shows it
	Scopes   []apikey.Scope
	Users    []string // globs over name, or account:name
}

// Config says what a verifier needs.
type Config struct {
	// ServerID is what proofs for this server name in their signed header. Needed.
	ServerID string
	// Identities are who is let in. More than one with the same id is refused.
	Identities []Identity
	// Region is where this server's account is looked after; it is asked for at each proof. Only STS of the same partition is asked, and
	// only identities of it are let in: partitions share nothing, so what one of them vouches for says nothing about another one. Needed.
	Region func() string
	// Endpoint replaces STS's own hosts, as a configured endpoint_url does for simulated AWS; it is asked for at each proof. Nil, or an
	// empty answer: AWS.
	Endpoint func() string
	// Transport sends the questions. Nil: one of its own.
	Transport http.RoundTripper
	// Now is the time by which proofs grow old; many goroutines call it. Nil: time.Now.
	Now func() time.Time
}

// Verifier asks STS who made a proof.
type Verifier struct {
	c     Config
	known atomic.Pointer[map[[2]string]*Identity] // by account and unique id
	http  *http.Client
	turns chan struct{}
	from  crowd
	used  once
	began atomic.Pointer[time.Time] // by this machine's clock, for spans; what was signed before it may have been used before it
}

var (
	serverIDText = regexp.MustCompile(`^[!-~]{1,253}$`)
	uniqueText   = regexp.MustCompile(`^(AIDA|AROA)[A-Z0-9]{12,124}$`)
)

// New makes a verifier.
func New(c Config) (*Verifier, error) {
	if !serverIDText.MatchString(c.ServerID) {
		return nil, errors.New("the server's id (api.server_id) is empty, longer than 253 characters, or holds a space: give one such as " +
			"keyturn.example.com")
	}
	if c.Region == nil {
		return nil, errors.New("awsidentity: Config.Region is needed")
	}
	v := &Verifier{c: c, turns: make(chan struct{}, atOnce)}
	if err := v.Allow(c.Identities); err != nil {
		return nil, err
	}
	transport := c.Transport
	if transport == nil {
		t := http.DefaultTransport.(*http.Transport).Clone() //nolint:errcheck // it is one
		t.ResponseHeaderTimeout, t.MaxResponseHeaderBytes, t.DisableCompression = timeout, longest, true
		transport = t
	}
	v.http = &http.Client{Transport: transport, Timeout: timeout, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
	v.Begin()
	return v, nil
}

// Begin says that this server serves from now on: what was signed before may have been used at the one that served until now.
func (v *Verifier) Begin() {
	now := time.Now()
	v.began.Store(&now)
}

// only is the one place to which proofs may lead; nil: the hosts of STS.
func (v *Verifier) only() (*place, error) {
	if v.c.Endpoint == nil {
		return nil, nil //nolint:nilnil // absence is a value
	}
	text := v.c.Endpoint()
	if text == "" {
		return nil, nil //nolint:nilnil // absence is a value
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || strings.Trim(u.Path, "/") != "" || u.User != nil {
		return nil, fmt.Errorf("%w: the configured endpoint of STS is not a URL like https://host:port", apikey.ErrUnproven)
	}
	return &place{u.Scheme, u.Host}, nil
}

// Allow replaces who is let in, from the next proof on. It changes nothing when it fails.
func (v *Verifier) Allow(identities []Identity) error {
	known := map[[2]string]*Identity{}
	for i := range identities {
		id := identities[i]
		at := [2]string{id.Account, id.UniqueID}
		switch {
		case !accountText.MatchString(id.Account):
			return fmt.Errorf("%q is no account: an AWS identity is named by the 12 digits of its account and its unique id", id.Account)
		case !uniqueText.MatchString(id.UniqueID):
			return fmt.Errorf("%q is no unique id of a role or user: `aws iam get-role --role-name NAME` shows it as RoleId, AROA…", id.UniqueID)
		case known[at] != nil:
			return fmt.Errorf("the AWS identity %s of the account %s is named twice", id.UniqueID, id.Account)
		}
		known[at] = &id
	}
	v.known.Store(&known)
	return nil
}

func (v *Verifier) now() time.Time {
	if v.c.Now != nil {
		if now := v.c.Now(); !now.IsZero() {
			return now
		}
	}
	return time.Now()
}

// refusedError is a proof that nobody is let in with. What it says helps whoever made the proof, and tells nobody a secret.
type refusedError struct{ why string }

func refuse(format string, args ...any) error { return &refusedError{fmt.Sprintf(format, args...)} }

func (e *refusedError) Error() string {
	return "the proof of an AWS identity is not accepted: " + e.why
}

// Is makes it an apikey.ErrUnknown: 401.
func (e *refusedError) Is(target error) bool { return target == apikey.ErrUnknown }

// IsProof reports whether a text that somebody shows is a proof, as against an API key.
func IsProof(text string) bool { return strings.HasPrefix(text, Prefix) }

// Authenticator tells who shows a text, from where, as apikey.Ring.Authenticate does.
type Authenticator = func(context.Context, string, netip.Addr) (*apikey.Caller, error)

// Or gives an authentication that takes proofs, and leaves everything else to another one. A nil verifier takes none.
func (v *Verifier) Or(other Authenticator) Authenticator {
	return func(ctx context.Context, text string, from netip.Addr) (*apikey.Caller, error) {
		if v == nil || !IsProof(text) {
			return other(ctx, text, from)
		}
		leave, ok := v.from.enter(from)
		if !ok {
			return nil, fmt.Errorf("%w: %d from this address are being checked", apikey.ErrUnproven, fromOne)
		}
		defer leave()
		return v.Authenticate(ctx, text)
	}
}

// Authenticate asks STS who made a proof, once. Its errors are apikey.ErrUnknown, apikey.ErrUnproven, or the context's.
func (v *Verifier) Authenticate(ctx context.Context, text string) (*apikey.Caller, error) {
	only, err := v.only()
	if err != nil {
		return nil, err
	}
	p, err := parse(text, only)
	if err != nil {
		return nil, err
	}
	home := partitionOf(v.c.Region())
	switch {
	case only != nil: // which is the only one there is
	case home == nil:
		return nil, fmt.Errorf("%w: the partition of AWS that this server is in is not known", apikey.ErrUnproven)
	case home != partitionOf(hosts[p.host]):
		return nil, refuse("it leads to STS in another partition of AWS than this server's, which is %s", home.name)
	}
	now := v.now()
	switch age := now.Sub(p.at); {
	case age > lives:
		return nil, refuse("it was signed %s ago, and is good for %s: sign again, and look at this machine's clock", age.Round(time.Second), lives)
	case age < -ahead:
		return nil, refuse("it was signed %s in the future: look at this machine's clock", (-age).Round(time.Second))
	case age+grain > time.Since(*v.began.Load()):
		return nil, fmt.Errorf("%w: it was signed before this server began, which cannot know whether it was used", apikey.ErrUnproven)
	case len(*v.known.Load()) == 0:
		return nil, refuse("this server lets no AWS identity in (api.aws_identities)")
	}
	// From here on nobody else gets in with it, whatever comes of it meanwhile.
	switch used, full := v.used.take(p.values["X-Amz-Signature"], p.at.Add(lives), now); {
	case used:
		return nil, refuse("it was used already: sign one for each request")
	case full:
		return nil, fmt.Errorf("%w: too many were shown within a minute", apikey.ErrUnproven)
	}
	who, err := v.ask(ctx, p)
	if err != nil {
		v.used.giveBack(p.values["X-Amz-Signature"])
		return nil, err
	}
	if home != nil && !strings.HasPrefix(who.ARN, "arn:"+home.name+":") {
		return nil, refuse("it proves %s, which is of another partition of AWS than this server", who.ARN)
	}
	id := (*v.known.Load())[[2]string{who.Account, who.UniqueID}]
	if id == nil {
		return nil, refuse("it proves %s of the account %s (%s), which api.aws_identities does not name", who.UniqueID, who.Account, who.ARN)
	}
	return &apikey.Caller{ID: callerPrefix + who.Account + ":" + who.UniqueID, Name: who.ARN, Scopes: id.Scopes, Users: id.Users,
		Expires: p.at.Add(outlives)}, nil
}

// ask puts the question to STS.
func (v *Verifier) ask(ctx context.Context, p *proof) (Proven, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	select {
	case v.turns <- struct{}{}:
		defer func() { <-v.turns }()
	case <-ctx.Done():
		return Proven{}, fmt.Errorf("%w: too many are being checked", apikey.ErrUnproven)
	}
	answer, err := v.http.Do(p.request(v.c.ServerID).WithContext(ctx))
	if err != nil {
		var u *url.Error // its text holds the URL, which is the proof
		if errors.As(err, &u) {
			err = u.Err
		}
		return Proven{}, fmt.Errorf("%w: STS does not answer: %w", apikey.ErrUnproven, err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(answer.Body, longest+1))
	if err != nil || len(body) > longest {
		return Proven{}, fmt.Errorf("%w: the answer of STS broke off, or is longer than any of its answers", apikey.ErrUnproven)
	}
	switch {
	case answer.StatusCode == http.StatusOK:
	case answer.StatusCode == http.StatusTooManyRequests, answer.StatusCode < 400, answer.StatusCode >= 500,
		bytes.Contains(body, []byte("<Code>Throttling")):
		return Proven{}, fmt.Errorf("%w: STS answers %d", apikey.ErrUnproven, answer.StatusCode)
	default:
		return Proven{}, refuse("STS refuses it (%d): the AWS credentials are not good, or it was signed for another server than %q",
			answer.StatusCode, v.c.ServerID)
	}
	if kind, _, err := mime.ParseMediaType(answer.Header.Get("Content-Type")); err != nil || kind != "text/xml" && kind != "application/xml" {
		return Proven{}, refuse("the answer is not XML, so it is not the answer of STS to GetCallerIdentity")
	}
	who, err := readAnswer(body)
	if err != nil && !errors.Is(err, apikey.ErrUnknown) {
		err = refuse("%v", err)
	}
	return who, err
}
