package awsidentity

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/keyturn/keyturn/internal/apikey"
	"github.com/keyturn/keyturn/internal/awssim"
)

var bg = context.Background()

const (
	account = "123456789012"
	server  = "keyturn.example.com"
	simSTS  = "http://sts.sim"
)

// home is where the test's servers are.
func home() string { return "us-east-1" }

// wire is an STS of the test's own, and keeps what it was asked.
type wire struct {
	answer func(*http.Request) (*http.Response, error)
	asked  []*http.Request
}

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	w.asked = append(w.asked, r)
	return w.answer(r)
}

func reply(status int, kind, body string) func(*http.Request) (*http.Response, error) {
	return func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {kind}}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
	}
}

// genuine is what STS answers.
func genuine(arn, id, account string) string {
	return `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <GetCallerIdentityResult>
    <Arn>` + arn + `</Arn>
    <UserId>` + id + `</UserId>
    <Account>` + account + `</Account>
  </GetCallerIdentityResult>
  <ResponseMetadata>
    <RequestId>01234567-89ab-cdef-0123-456789abcdef</RequestId>
  </ResponseMetadata>
</GetCallerIdentityResponse>
`
}

var good = genuine("arn:aws:iam::123456789012:user/ci", "AIDACIUSERCIUSERCI01", account)

var ciUser = Identity{Account: account, UniqueID: "AIDACIUSERCIUSERCI01", Scopes: []apikey.Scope{apikey.ReadCredentials}, Users: []string{"ci"}}

// scripted is a verifier in front of AWS's own hosts, with an STS of the test's own.
func scripted(t testing.TB, answer func(*http.Request) (*http.Response, error)) (*Verifier, *wire) {
	t.Helper()
	w := &wire{answer: answer}
	v, err := New(Config{Region: home, ServerID: server, Identities: []Identity{ciUser}, Transport: w})
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(settled)
	return v, w
}

// settled is when a verifier that began takes proofs: in virtual time.
const settled = 2 * time.Second

func at(endpoint string) func() string { return func() string { return endpoint } }

// query are the parameters of a proof that the verifier takes, as long as nothing is changed.
func query(at time.Time, signature string) [][2]string {
	stamp := at.UTC().Format(amzTime)
	return [][2]string{
		{"Action", "GetCallerIdentity"}, {"Version", "2011-06-15"}, {"X-Amz-Algorithm", "AWS4-HMAC-SHA256"},
		{"X-Amz-Credential", "AKIAIOSFODNN7EXAMPLE%2F" + stamp[:8] + "%2Fus-east-1%2Fsts%2Faws4_request"}, {"X-Amz-Date", stamp},
		{"X-Amz-Expires", "60"}, {"X-Amz-SignedHeaders", "host%3Bx-keyturn-nonce%3Bx-keyturn-server-id"}, {"X-Amz-Signature", strings.Repeat(signature, 64)},
	}
}

func written(base string, q [][2]string) string {
	var pairs []string
	for _, p := range q {
		pairs = append(pairs, p[0]+"="+p[1])
	}
	return encoded(base + "?" + strings.Join(pairs, "&"))
}

const nonce = "0123456789abcdef"

func encoded(text string) string {
	return Prefix + nonce + "." + base64.RawURLEncoding.EncodeToString([]byte(text))
}

const usual = "https://sts.us-east-1.amazonaws.com/"

func refused(t testing.TB, v *Verifier, text string, why string) {
	t.Helper()
	c, err := v.Authenticate(bg, text)
	if c != nil || !errors.Is(err, apikey.ErrUnknown) || !strings.Contains(err.Error(), why) {
		t.Fatalf("want a refusal that says %q, got %+v, %v", why, c, err)
	}
}

// simulated is a verifier and an AWS with the user "ci".
func simulated(t testing.TB) (*Verifier, *awssim.World, *Signer) {
	t.Helper()
	w := awssim.New(awssim.Config{Seed: 3})
	if err := w.People().CreateUser("ci", "/", nil); err != nil {
		t.Fatal(err)
	}
	id, secret, err := w.People().CreateAccessKey("ci")
	if err != nil {
		t.Fatal(err)
	}
	user := ciUser
	for _, u := range w.Users() {
		if u.Name == "ci" {
			user.UniqueID = u.ID
		}
	}
	v, err := New(Config{Region: home, ServerID: server, Identities: []Identity{user}, Endpoint: at(simSTS), Transport: w.Transport()})
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(settled)
	return v, w, &Signer{Credentials: credentials.NewStaticCredentialsProvider(id, secret, ""), Region: "us-east-1", Endpoint: simSTS, ServerID: server}
}

func sign(t testing.TB, s *Signer) string {
	t.Helper()
	text, err := s.Sign(bg, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return text.Reveal()
}

// role gives the credentials of a role's session, and the role's unique id.
func role(t testing.TB, w *awssim.World, s *Signer, session string) (*Signer, string) {
	t.Helper()
	client := sts.NewFromConfig(aws.Config{Region: "us-east-1", Credentials: s.Credentials, BaseEndpoint: aws.String(simSTS), HTTPClient: &http.Client{Transport: w.Transport()}})
	out, err := client.AssumeRole(bg, &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::" + account + ":role/app"), RoleSessionName: &session})
	if err != nil {
		t.Fatal(err)
	}
	next := *s
	next.Credentials = credentials.NewStaticCredentialsProvider(*out.Credentials.AccessKeyId, *out.Credentials.SecretAccessKey, *out.Credentials.SessionToken)
	id, _, _ := strings.Cut(*out.AssumedRoleUser.AssumedRoleId, ":")
	return &next, id
}

func endless() io.ReadCloser { return io.NopCloser(zeros{}) }

type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	copy(b, bytes.Repeat([]byte{' '}, len(b)))
	return len(b), nil
}
