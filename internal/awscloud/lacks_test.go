package awscloud_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/keyturn/keyturn/internal/awscloud"
	"github.com/keyturn/keyturn/internal/rotation"
)

// An answer that went well by its status and holds nothing, as from a proxy on the way, is unknown: it never means that there is no
// user, key, use or secret, nor that a key belongs to somebody else (which would give the key up).
func TestEmptyAnswersAreUnknown(t *testing.T) {
	reads := map[string]func(*awscloud.Account, *awscloud.Session) error{
		"Identity": func(a *awscloud.Account, _ *awscloud.Session) error { _, err := a.Identity(bg); return err },
		"Users":    func(a *awscloud.Account, _ *awscloud.Session) error { _, err := a.Users(bg); return err },
		"ListAccessKeys": func(_ *awscloud.Account, s *awscloud.Session) error {
			_, err := s.ListAccessKeys(bg)
			return err
		},
		"AccessKeyLastUsed": func(_ *awscloud.Account, s *awscloud.Session) error {
			_, err := s.AccessKeyLastUsed(bg, "AKIA0")
			return err
		},
		"GetCallerIdentity": func(_ *awscloud.Account, s *awscloud.Session) error {
			return s.GetCallerIdentity(bg, "us-east-1", "AKIA0", rotation.NewSensitive(canary))
		},
		"DescribeSecret": func(_ *awscloud.Account, s *awscloud.Session) error { _, err := s.DescribeSecret(bg); return err },
		"ListVersions":   func(_ *awscloud.Account, s *awscloud.Session) error { _, err := s.ListVersions(bg); return err },
		"ReadKey":        func(_ *awscloud.Account, s *awscloud.Session) error { _, err := s.ReadKey(bg, "v"); return err },
	}
	for _, body := range []string{"", "{}", `{"ok":true}`, "<ok/>"} {
		a := scripted(t, func(r *http.Request) (*http.Response, error) { return reply(r, 200, body), nil })
		s := must(a.Session(awscloud.Subject{User: rotation.User{Account: account, Name: "ci"}}))(t)
		for name, read := range reads {
			err := read(a, s)
			if !errors.Is(err, rotation.ErrUnavailable) || rotation.Definite(err) {
				t.Errorf("%s of an answer %q: %v", name, body, err)
			} else if strings.Contains(err.Error(), "took effect") {
				t.Errorf("%s changes nothing, and says %v", name, err)
			}
		}
	}
}

// A page that is no answer of AWS's is named by its status, as there is nothing else to go by.
func TestAnswersOfOthers(t *testing.T) {
	for status, want := range map[int]string{
		301: "HTTP 301 Moved Permanently", 403: "HTTP 403 Forbidden", 502: "HTTP 502 Bad Gateway",
	} {
		a := scripted(t, func(r *http.Request) (*http.Response, error) {
			return reply(r, status, "<html>login \x1b[31m"), nil
		}, func(c *awscloud.Config) { c.MaxAttempts = 1 })
		_, err := a.Identity(context.Background())
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "UnknownError") {
			t.Errorf("status %d: %v", status, err)
		}
	}
}
