package awsidentity

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/keyturn/keyturn/internal/rotation"
)

// Prefix begins every proof. What follows is a nonce, a dot, and the presigned URL in unpadded URL-safe base64.
const Prefix = "keyturn-aws1."

// The signed headers, besides the host: which server a proof is for, and what tells it from others that the same credentials signed
// within the same second.
const (
	Header      = "X-Keyturn-Server-Id"
	HeaderNonce = "X-Keyturn-Nonce"
)

// MaxProof is the length of the longest proof that is looked at: a session token has some kilobytes.
const MaxProof = 12 << 10

const (
	amzTime = "20060102T150405Z"
	version = "2011-06-15"
)

// parameters are all that a proof may have, and what each must look like. They are told apart by case, and none may stand twice.
var parameters = map[string]*regexp.Regexp{
	"Action":           regexp.MustCompile(`^GetCallerIdentity$`),
	"Version":          regexp.MustCompile(`^2011-06-15$`),
	"X-Amz-Algorithm":  regexp.MustCompile(`^AWS4-HMAC-SHA256$`),
	"X-Amz-Credential": regexp.MustCompile(`^[A-Z0-9]{16,128}/[0-9]{8}/[a-z0-9-]{1,32}/sts/aws4_request$`),
	"X-Amz-Date":       regexp.MustCompile(`^[0-9]{8}T[0-9]{6}Z$`),
	"X-Amz-Expires":    regexp.MustCompile(`^[1-9][0-9]{0,4}$`), // STS ignores it, and so does keyturn: it is there as it is signed
	// Nothing else is signed, and nothing else is sent.
	"X-Amz-SignedHeaders":  regexp.MustCompile(`^host;x-keyturn-nonce;x-keyturn-server-id$`),
	"X-Amz-Signature":      regexp.MustCompile(`^[0-9a-f]{64}$`),
	"X-Amz-Security-Token": regexp.MustCompile(`^[A-Za-z0-9+/=_-]+$`),
}

var nonceText = regexp.MustCompile(`^[A-Za-z0-9_-]{16,64}$`)

// optional may be left out: the others must be there.
var optional = map[string]bool{"X-Amz-Expires": true, "X-Amz-Security-Token": true}

// proof is what is kept of one that was shown: values that fit the patterns.
type proof struct {
	scheme, host string
	nonce        string
	values       map[string]string
	at           time.Time // when it was signed
}

// place is where proofs may lead.
type place struct{ scheme, host string }

// parse takes a proof apart. only is the one place to which it may lead; nil: the hosts of STS.
func parse(text string, only *place) (*proof, error) {
	rest, ok := strings.CutPrefix(text, Prefix)
	if !ok || len(text) > MaxProof {
		return nil, refuse("it does not begin with %s, or is longer than %d characters", Prefix, MaxProof)
	}
	nonce, rest, ok := strings.Cut(rest, ".")
	raw, err := base64.RawURLEncoding.Strict().DecodeString(rest)
	if !ok || err != nil || strings.ContainsAny(rest, "\r\n") || !nonceText.MatchString(nonce) {
		return nil, refuse("what follows %s is not a nonce of 16 to 64 letters, digits, _ or -, a dot, and unpadded URL-safe base64", Prefix)
	}
	// No general parser of URLs: what two of them read differently cannot get in.
	scheme, rest, ok := strings.Cut(string(raw), "://")
	host, query, slash := strings.Cut(rest, "/?")
	if !ok || !slash {
		return nil, refuse("it is not the URL of a presigned GetCallerIdentity: https://HOST/?…")
	}
	p := &proof{scheme: scheme, host: host, nonce: nonce, values: map[string]string{}}
	region := ""
	switch known := false; {
	case only != nil:
		if scheme != only.scheme || host != only.host {
			return nil, refuse("it leads to another endpoint of STS than this server is configured with")
		}
	default:
		if region, known = hosts[host]; scheme != "https" || !known {
			return nil, refuse("it does not lead to an endpoint of STS by https, such as https://sts.us-east-1.amazonaws.com/")
		}
	}
	for pair := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(pair, "=")
		pattern := parameters[name]
		if pattern == nil {
			return nil, refuse("it has a parameter that a presigned GetCallerIdentity has not")
		}
		if _, twice := p.values[name]; twice {
			return nil, refuse("it has the parameter %s twice", name)
		}
		value, err := unescape(value)
		if err != nil || !pattern.MatchString(value) {
			return nil, refuse("its parameter %s is not what a presigned GetCallerIdentity with the headers %s and %s has", name, HeaderNonce, Header)
		}
		p.values[name] = value
	}
	for name := range parameters {
		if _, there := p.values[name]; !there && !optional[name] {
			return nil, refuse("it lacks the parameter %s", name)
		}
	}
	if p.at, err = time.Parse(amzTime, p.values["X-Amz-Date"]); err != nil {
		return nil, refuse("its X-Amz-Date is no time")
	}
	scope := strings.Split(p.values["X-Amz-Credential"], "/")
	if scope[1] != p.values["X-Amz-Date"][:8] || region != "" && scope[2] != region {
		return nil, refuse("it was signed for another day or Region than it names")
	}
	return p, nil
}

// unescape is strict: a + is refused, as signers write %2B or %20, and nobody should have to guess.
func unescape(s string) (string, error) {
	if strings.Contains(s, "+") {
		return "", fmt.Errorf("a +")
	}
	return url.QueryUnescape(s)
}

// request is the question for STS, of nothing but checked values and constants.
func (p *proof) request(serverID string) *http.Request {
	q := url.Values{}
	for name, value := range p.values {
		q.Set(name, value)
	}
	return &http.Request{
		Method: http.MethodGet, Host: p.host,
		URL:    &url.URL{Scheme: p.scheme, Host: p.host, Path: "/", RawQuery: q.Encode()},
		Header: http.Header{Header: {serverID}, HeaderNonce: {p.nonce}, "Accept": {"application/xml"}, "User-Agent": {"keyturn"}},
	}
}

// wrap makes a proof of a presigned URL.
func wrap(nonce, presigned string) rotation.Sensitive {
	return rotation.NewSensitive(Prefix + nonce + "." + base64.RawURLEncoding.EncodeToString([]byte(presigned)))
}
