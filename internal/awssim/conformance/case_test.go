package conformance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
)

const region = "us-east-1"

// Case is one statement about AWS's behaviour.
type Case struct {
	// Name is unique in its area and says what AWS does.
	Name string
	// NotMoto says why moto cannot run the case at all; empty: it can.
	NotMoto string
	Run     func(t *T)
}

// area is the cases about one group of operations.
type area struct {
	name  string
	cases []Case
}

// emulator is an AWS that cases run against.
type emulator struct {
	name     string // "awssim" or "moto"
	endpoint string
	id       string // an administrator's access key
	secret   string

	// People's acts that no call of the wire stands for; nil where the emulator needs none.
	deny   func(user, action string)     // awssim grants everything else; moto grants only what policies allow
	verify func(address string)          // AWS mails a link there, to be opened; moto takes every identity as verified
	stack  func(name, user string) error // a stack that makes a key of the user; nil: CreateStack does, which awssim has not

	ran atomic.Int64
	mu  sync.Mutex
	// differed counts the uses of each row of the table of differences.
	differed map[string]int
}

// clients are the SDK's clients with one set of credentials.
type clients struct {
	IAM *iam.Client
	STS *sts.Client
	SM  *secretsmanager.Client
	SES *sesv2.Client
	CFN *cloudformation.Client
}

// T is what a case runs with: administrator's clients, and names that no other case uses.
type T struct {
	*testing.T
	clients
	ctx context.Context
	em  *emulator
	// Name is unique to the case and fit for users and secrets.
	Name string

	mu sync.Mutex
	// refusal is the text of the last answer that refused.
	refusal string
}

var serial atomic.Int64

func newT(t *testing.T, em *emulator) *T {
	c := &T{T: t, ctx: t.Context(), em: em}
	c.Name = fmt.Sprintf("case-%d-x", serial.Add(1))
	c.clients = c.as(em.id, em.secret)
	return c
}

// as gives clients that sign with another access key.
func (t *T) as(id, secret string) clients { return t.in(region, id, secret, "") }

// in gives clients for a Region, with any credentials.
func (t *T) in(region, id, secret, token string) clients {
	cfg := t.config(region, id, secret, token)
	return clients{iam.NewFromConfig(cfg), sts.NewFromConfig(cfg), secretsmanager.NewFromConfig(cfg), sesv2.NewFromConfig(cfg),
		cloudformation.NewFromConfig(cfg)}
}

func (t *T) config(region, id, secret, token string) aws.Config {
	return aws.Config{
		Region:       region,
		BaseEndpoint: aws.String(t.em.endpoint),
		Credentials:  credentials.NewStaticCredentialsProvider(id, secret, token),
		HTTPClient:   &http.Client{Transport: dated{t}},
		// A refusal is an answer to look at, never a reason to try again.
		Retryer: func() aws.Retryer { return aws.NopRetryer{} },
	}
}

// dated fails the case when an answer, good or bad, has no Date, which a rotator tells the time by. It keeps refusals.
type dated struct{ t *T }

func (d dated) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	at, err := http.ParseTime(res.Header.Get("Date"))
	if err != nil {
		d.t.Errorf("answer %s of %s has no usable Date header: %v", res.Status, r.URL.Path, err)
	} else if age := time.Since(at); age.Abs() > time.Minute {
		d.t.Errorf("answer's Date is %v off", age)
	}
	if res.StatusCode < http.StatusBadRequest {
		return res, nil
	}
	text, err := io.ReadAll(res.Body)
	res.Body.Close()
	if err != nil {
		return nil, err
	}
	res.Body = io.NopCloser(bytes.NewReader(text))
	d.t.mu.Lock()
	d.t.refusal = fmt.Sprintf("%d %s", res.StatusCode, text)
	d.t.mu.Unlock()
	return res, nil
}

// Differs runs the assertion of AWS's behaviour, or on moto, for a known difference, the one of moto's.
func (t *T) Differs(id string, ofAWS, ofMoto func()) {
	t.Helper()
	if !slices.ContainsFunc(differences, func(d difference) bool { return d.id == id }) {
		t.Fatalf("difference %q is not in the table", id)
	}
	if t.em.name != "moto" {
		ofAWS()
		return
	}
	t.em.mu.Lock()
	t.em.differed[id]++
	t.em.mu.Unlock()
	ofMoto()
}

// ok ends the case when a call that AWS grants is refused.
func (t *T) ok(err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("refused: %v", err)
	}
}

// refused checks that a call was refused with one of the answers given, each "code status". It gives the message.
func (t *T) refused(err error, answers ...string) string {
	t.Helper()
	if err == nil {
		t.Fatalf("granted, want a refusal with %s", strings.Join(answers, " or "))
	}
	var api smithy.APIError
	if !errors.As(err, &api) {
		t.Fatalf("not an answer of AWS's: %v", err)
	}
	var res *awshttp.ResponseError
	if !errors.As(err, &res) {
		t.Fatalf("no HTTP answer: %v", err)
	}
	got := fmt.Sprintf("%s %d", api.ErrorCode(), res.HTTPStatusCode())
	if !slices.Contains(answers, got) {
		t.Errorf("refused with %s (%s), want %s", got, api.ErrorMessage(), strings.Join(answers, " or "))
	}
	return api.ErrorMessage()
}

// denied checks that the caller itself was refused, with one answer "code status".
func (t *T) denied(err error, answer string) (message string) {
	t.Helper()
	code, _, _ := strings.Cut(answer, " ")
	t.Differs("auth-error-form", func() {
		t.Helper()
		message = t.refused(err, answer)
	}, func() {
		t.Helper()
		message = t.refusal
		t.crude(code)
	})
	return message
}

// crude checks moto's one form of refusing a caller, whatever the service.
func (t *T) crude(code string) {
	t.Helper()
	contains(t, "answer", t.refusal, "403 <")
	contains(t, "answer", t.refusal, "<ErrorResponse><Errors><Error><Code>"+code+"</Code>")
}

// absent checks that a secret or a version was not found.
func (t *T) absent(err error) {
	t.Helper()
	t.Differs("secret-not-found-404", func() { t.Helper(); t.refused(err, notFound) }, func() { t.Helper(); t.refused(err, "ResourceNotFoundException 404") })
}

// equal compares with what AWS answers.
func equal[V comparable](t *T, what string, got, want V) {
	t.Helper()
	if got != want {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}

// contains looks for a part of a text that AWS answers.
func contains(t *T, what, text, part string) {
	t.Helper()
	if !strings.Contains(text, part) {
		t.Errorf("%s is %q, want %q in it", what, text, part)
	}
}

// post sends a body as is, without a signature, and gives the status and the answer.
func (t *T) post(header http.Header, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.ctx, http.MethodPost, t.em.endpoint+"/", bytes.NewBufferString(body))
	t.ok(err)
	r.Header = header
	res, err := dated{t}.RoundTrip(r)
	t.ok(err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	t.ok(err)
	return res.StatusCode, string(text)
}

// recent checks that a time AWS answers is that of a call made just now.
func (t *T) recent(what string, at *time.Time) {
	t.Helper()
	if at == nil {
		t.Errorf("%s is missing", what)
	} else if age := time.Since(*at); age.Abs() > time.Minute {
		t.Errorf("%s is %v off", what, age)
	}
}
