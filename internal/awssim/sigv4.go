package awssim

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	amzTime   = "20060102T150405Z"
	tolerance = 5 * time.Minute // how far a request's time may be off
)

// signature is what a request says of who signed it, for what and when.
type signature struct {
	keyID, date, region, service string
	at                           time.Time
	stamp                        string // at, as signed
	signed                       []string
	sum                          string
	token                        string
	presigned                    bool
	lives                        time.Duration // of a presigned request
}

// readSignature finds the signature in the headers or, presigned, in the query.
func readSignature(r *request) (*signature, *apiError) {
	s := &signature{}
	var scope, signed string
	if auth := r.header.Get("Authorization"); auth != "" {
		rest, ok := strings.CutPrefix(auth, "AWS4-HMAC-SHA256 ")
		if !ok {
			return nil, fail(400, "IncompleteSignature", "Authorization header requires 'AWS4-HMAC-SHA256'.")
		}
		for part := range strings.SplitSeq(rest, ",") {
			name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
			switch name {
			case "Credential":
				scope = value
			case "SignedHeaders":
				signed = value
			case "Signature":
				s.sum = value
			}
		}
		s.stamp = r.header.Get("X-Amz-Date")
		if s.stamp == "" {
			s.stamp = r.header.Get("Date")
		}
		s.token = r.header.Get("X-Amz-Security-Token")
	} else if q := r.query(); q.Get("X-Amz-Algorithm") == "AWS4-HMAC-SHA256" {
		s.presigned = true
		scope, signed = q.Get("X-Amz-Credential"), q.Get("X-Amz-SignedHeaders")
		s.sum, s.stamp = q.Get("X-Amz-Signature"), q.Get("X-Amz-Date")
		s.token = q.Get("X-Amz-Security-Token")
		n, err := strconv.Atoi(q.Get("X-Amz-Expires"))
		if err != nil || n < 0 {
			n = int(15 * time.Minute / time.Second)
		}
		s.lives = time.Duration(n) * time.Second
	} else {
		return nil, fail(403, "MissingAuthenticationToken", "Request is missing Authentication Token")
	}
	parts := strings.Split(scope, "/")
	at, err := time.Parse(amzTime, s.stamp)
	if len(parts) != 5 || parts[4] != "aws4_request" || s.sum == "" || signed == "" || err != nil ||
		!strings.HasPrefix(s.stamp, parts[1]) {
		return nil, fail(400, "IncompleteSignature",
			"Authorization requires existence of 'Credential', 'SignedHeaders', 'Signature' and a date.")
	}
	s.keyID, s.date, s.region, s.service = parts[0], parts[1], parts[2], parts[3]
	s.at, s.signed = at, strings.Split(signed, ";")
	return s, nil
}

// timely refuses a request whose time is too far from the true one, in AWS's words. SDKs correct
// their clocks by the Date header of this answer.
func (s *signature) timely(now time.Time) *apiError {
	allowed := tolerance
	if s.presigned {
		allowed = s.lives
	}
	switch {
	case now.Sub(s.at) > allowed:
		return fail(403, "SignatureDoesNotMatch", "Signature expired: %s is now earlier than %s (%s - %d min.)",
			s.stamp, now.UTC().Add(-allowed).Format(amzTime), now.UTC().Format(amzTime), int(allowed.Minutes()))
	case s.at.Sub(now) > tolerance:
		return fail(403, "SignatureDoesNotMatch", "Signature not yet current: %s is still later than %s (%s + %d min.)",
			s.stamp, now.UTC().Add(tolerance).Format(amzTime), now.UTC().Format(amzTime), int(tolerance.Minutes()))
	}
	return nil
}

// matches recomputes the signature with the secret of the key that is said to have made it.
func (s *signature) matches(r *request, secret string, cache *signingKeys) bool {
	if !slices.Contains(s.signed, "host") {
		return false
	}
	b := make([]byte, 0, 1024)
	b = append(append(b, r.method...), '\n')
	b = appendPath(b, r.path)
	b = append(b, '\n')
	b = s.appendQuery(b, r)
	b = append(b, '\n')
	for _, name := range s.signed {
		b = append(append(b, name...), ':')
		b = appendHeader(b, r, name)
		b = append(b, '\n')
	}
	b = append(append(b, '\n'), strings.Join(s.signed, ";")...)
	b = append(b, '\n')
	body := sha256.Sum256(r.body)
	b = hex.AppendEncode(b, body[:])
	canonical := sha256.Sum256(b)

	b = append(b[:0], "AWS4-HMAC-SHA256\n"...)
	b = append(append(b, s.stamp...), '\n')
	b = append(append(append(append(b, s.date...), '/'), s.region...), '/')
	b = append(append(b, s.service...), "/aws4_request\n"...)
	b = hex.AppendEncode(b, canonical[:])
	mac := hmac.New(sha256.New, cache.get(s, secret))
	mac.Write(b)
	sum, err := hex.DecodeString(s.sum)
	return err == nil && hmac.Equal(sum, mac.Sum(nil))
}

// appendPath escapes the path once more, as every service but S3 does.
func appendPath(b []byte, path string) []byte {
	if path == "" || path == "/" {
		return append(b, '/')
	}
	const upper = "0123456789ABCDEF"
	for i := 0; i < len(path); i++ {
		c := path[i]
		if c == '/' || c == '-' || c == '_' || c == '.' || c == '~' ||
			'0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' {
			b = append(b, c)
		} else {
			b = append(b, '%', upper[c>>4], upper[c&15])
		}
	}
	return b
}

func (s *signature) appendQuery(b []byte, r *request) []byte {
	if r.rawQuery == "" {
		return b
	}
	q := r.query()
	if s.presigned {
		without := make(url.Values, len(q))
		for k, v := range q {
			if k != "X-Amz-Signature" {
				without[k] = v
			}
		}
		q = without
	}
	return append(b, strings.ReplaceAll(q.Encode(), "+", "%20")...)
}

func appendHeader(b []byte, r *request, name string) []byte {
	switch name {
	case "host":
		return append(b, r.host...)
	case "content-length":
		return strconv.AppendInt(b, int64(len(r.body)), 10)
	}
	for i, v := range r.header[http.CanonicalHeaderKey(name)] {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, strings.Join(strings.Fields(v), " ")...)
	}
	return b
}

// signingKeys caches the derived keys of SigV4, which are good for a day.
type signingKeys struct {
	mu sync.RWMutex
	m  map[signingID][]byte
}

type signingID struct{ secret, date, region, service string }

func (c *signingKeys) get(s *signature, secret string) []byte {
	id := signingID{secret, s.date, s.region, s.service}
	c.mu.RLock()
	k := c.m[id]
	c.mu.RUnlock()
	if k != nil {
		return k
	}
	k = []byte("AWS4" + secret)
	for _, part := range []string{s.date, s.region, s.service, "aws4_request"} {
		mac := hmac.New(sha256.New, k)
		mac.Write([]byte(part))
		k = mac.Sum(nil)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.m == nil || len(c.m) > 50_000 {
		c.m = map[signingID][]byte{}
	}
	c.m[id] = k
	return k
}
