package client

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// An Error is what the server answered instead of credentials.
type Error struct {
	Status  int    // of the HTTP answer
	Code    string // stable, such as unknown-user; empty when the answer came from something else than keyturn
	Message string // for people
	// RetryAfter is what the server asked to wait; zero when it did not.
	RetryAfter time.Duration
}

// Error says what was answered.
func (e *Error) Error() string {
	text := e.Message
	if text == "" {
		text = http.StatusText(e.Status)
	}
	if e.Code != "" {
		text = e.Code + ": " + text
	}
	return fmt.Sprintf("keyturn answered %d: %s", e.Status, text)
}

// passing reports whether asking again may help by itself: nobody answered, too fast, or trouble at the other end.
func passing(err error) bool {
	var e *Error
	if !errors.As(err, &e) {
		return true
	}
	return e.Status == http.StatusTooManyRequests || e.Status >= 500
}

// answer is the form of container credentials, in which AWS's own SDKs ask as well.
type answer struct {
	AccessKeyID     string    `json:"AccessKeyId"`
	SecretAccessKey string    `json:"SecretAccessKey"`
	Expiration      time.Time `json:"Expiration"`
	Code            string    `json:"code"`
	Message         string    `json:"message"`
	Detail          string    `json:"detail"` // what the other routes of the API call the message
}

// longest is the length of an answer that is read: one with credentials has a few hundred bytes.
const longest = 64 << 10

// fetch makes one request.
func (p *Provider) fetch(ctx context.Context) (aws.Credentials, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	key, err := p.config.key(ctx)
	if err != nil {
		return aws.Credentials{}, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url, nil)
	if err != nil {
		return aws.Credentials{}, err
	}
	req.Header.Set("Authorization", key)
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "keyturn-client")
	res, err := p.http.Do(req)
	if err != nil {
		return aws.Credentials{}, err // names the address, which holds no secret
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, longest))
	if err != nil {
		return aws.Credentials{}, fmt.Errorf("reading the answer: %w", err)
	}
	var a answer
	bad := json.Unmarshal(body, &a)
	if res.StatusCode != http.StatusOK {
		return aws.Credentials{}, &Error{Status: res.StatusCode, Code: a.Code, Message: strings.Join(strings.Fields(cmp.Or(a.Message, a.Detail)), " "),
			RetryAfter: wait(res.Header.Get("Retry-After"))}
	}
	switch { // the answer itself must not be quoted
	case bad != nil:
		return aws.Credentials{}, errors.New("the answer is no credentials: it is not of the documented form")
	case a.AccessKeyID == "" || a.SecretAccessKey == "" || a.Expiration.IsZero():
		return aws.Credentials{}, errors.New("the answer is no credentials: a field is missing")
	case time.Until(a.Expiration) <= lastSecond:
		return aws.Credentials{}, fmt.Errorf("the credentials end at %s, which is now or over: the server has nothing better yet, or its clock and this one differ",
			a.Expiration.UTC().Format(time.RFC3339))
	}
	return aws.Credentials{AccessKeyID: a.AccessKeyID, SecretAccessKey: a.SecretAccessKey, CanExpire: true, Expires: a.Expiration,
		Source: "keyturn"}, nil
}

// wait reads a Retry-After in seconds, the only form that keyturn gives.
func wait(header string) time.Duration {
	n, err := strconv.Atoi(header)
	if err != nil || n < 0 || n > 3600 {
		return 0
	}
	return time.Duration(n) * time.Second
}
