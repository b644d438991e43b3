package awscloud_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/keyturn/keyturn/internal/awscloud"
	"github.com/keyturn/keyturn/internal/awssim"
	"github.com/keyturn/keyturn/internal/rotation"
)

// noAWS takes the machine's own AWS configuration away.
func noAWS(t *testing.T) {
	t.Helper()
	for _, kv := range os.Environ() {
		if name, _, _ := strings.Cut(kv, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, "")
			ok(t, os.Unsetenv(name))
		}
	}
	empty := filepath.Join(t.TempDir(), "none")
	t.Setenv("AWS_CONFIG_FILE", empty)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", empty)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
}

func TestLoadRefuses(t *testing.T) {
	for _, c := range []struct {
		name, says string
		env        map[string]string
		config     awscloud.Config
	}{
		{"no Region", "no AWS Region", nil, awscloud.Config{}},
		{"plain http", "plain http", map[string]string{"AWS_ENDPOINT_URL": "http://aws.example.com"}, awscloud.Config{Regions: []string{"us-east-1"}}},
		{"plain http of one service", "IAM", map[string]string{"AWS_ENDPOINT_URL_IAM": "http://aws.example.com"}, awscloud.Config{Regions: []string{"us-east-1"}}},
		{"plain http configured", "plain http", nil, awscloud.Config{Regions: []string{"us-east-1"}, Endpoint: "http://10.0.0.1"}},
		{"no such profile", "nobody", nil, awscloud.Config{Profile: "nobody", Regions: []string{"us-east-1"}}},
		{"same field twice", `"x"`, nil, awscloud.Config{Fields: awscloud.Fields{AccessKeyID: "x", SecretAccessKey: "x"}}},
		{"no secret field", "need names", nil, awscloud.Config{Fields: awscloud.Fields{AccessKeyID: "x"}}},
		{"half credentials", "together", nil, awscloud.Config{AccessKeyID: "AKIA"}},
		{"demo without credentials", "must be given", nil, awscloud.Config{IgnoreEnvironment: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			noAWS(t)
			for k, v := range c.env {
				t.Setenv(k, v)
			}
			c.config.SecretName = "{{.User}}"
			if _, err := awscloud.Load(bg, c.config); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("got %v", err)
			}
		})
	}
}

func TestNoCredentials(t *testing.T) {
	noAWS(t)
	a := must(awscloud.Load(bg, awscloud.Config{Regions: []string{"us-east-1"}, SecretName: "{{.User}}", Endpoint: "http://127.0.0.1:1"}))(t)
	_, err := a.Identity(bg)
	if e := failed(t, err, rotation.ErrDenied, true); !strings.Contains(e.Detail, "no AWS credentials") || a.Calls() != 0 {
		t.Fatalf("%d calls: %v", a.Calls(), err)
	}
}

// A simulated AWS is never mixed with the real one: the demo reads nothing of the environment.
func TestIgnoreEnvironment(t *testing.T) {
	noAWS(t)
	for k, v := range map[string]string{
		"AWS_PROFILE": "nobody", "AWS_ENDPOINT_URL": "http://real.example.com", "AWS_ENDPOINT_URL_IAM": "http://real.example.com",
		"AWS_ACCESS_KEY_ID": "AKIAREAL", "AWS_SECRET_ACCESS_KEY": "real", "AWS_REGION": "mars-1", "AWS_MAX_ATTEMPTS": "1", "HTTP_PROXY": "http://127.0.0.1:1",
	} {
		t.Setenv(k, v)
	}
	w := newWorld(awssim.Config{})
	a := simulated(t, w)
	must(a.Identity(bg))(t)
	if _, err := a.Users(bg); err != nil || !a.CustomEndpoint() || a.Home() != "us-east-1" {
		t.Fatalf("%v, home %s", err, a.Home())
	}
}

func TestSDKRegion(t *testing.T) {
	noAWS(t)
	t.Setenv("AWS_REGION", "eu-west-1")
	a := must(awscloud.Load(bg, awscloud.Config{SecretName: "{{.User}}"}))(t)
	if !slices.Equal(a.Regions(), []string{"eu-west-1"}) || a.CustomEndpoint() {
		t.Fatal(a.Regions())
	}
	a = must(awscloud.Load(bg, awscloud.Config{SecretName: "{{.User}}", Regions: []string{"us-west-2", "eu-west-1"}}))(t)
	if a.Home() != "us-west-2" {
		t.Fatal(a.Home())
	}
}

func TestWhoIsAdministrator(t *testing.T) {
	w := newWorld(awssim.Config{PageSize: 2})
	p := w.People()
	all := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
	own := p.PutPolicy("everything", all)
	p.PutGroup("admins", []string{"arn:aws:iam::aws:policy/AdministratorAccess"}, nil)
	p.PutGroup("inliners", nil, map[string]string{"root": all})
	p.PutGroup("readers", []string{"arn:aws:iam::aws:policy/ReadOnlyAccess"}, nil)
	for name, policies := range map[string][]string{
		"direct": {"arn:aws:iam::aws:policy/AdministratorAccess"}, "iamfull": {"arn:aws:iam::aws:policy/IAMFullAccess"},
		"custom": {own}, "power": {"arn:aws:iam::aws:policy/PowerUserAccess"},
		"grouped": nil, "ingroup": nil, "inline": nil, "reader": nil, "plain": nil,
	} {
		ok(t, p.CreateUser(name, "/", nil, policies...))
	}
	ok(t, p.AddUserToGroup("grouped", "admins"))
	ok(t, p.AddUserToGroup("ingroup", "inliners"))
	ok(t, p.AddUserToGroup("reader", "readers"))
	ok(t, p.PutUserPolicy("inline", "root", all))
	got := map[string]string{}
	for _, u := range must(simulated(t, w).Users(bg))(t) {
		if u.Admin != (u.AdminWhy != "") {
			t.Errorf("%s: %+v", u.Name, u)
		}
		got[u.Name] = u.AdminWhy
		if u.Name == "reader" && !slices.Equal(u.Policies, []string{"ReadOnlyAccess"}) {
			t.Errorf("policies of its groups: %v", u.Policies)
		}
	}
	for name, why := range map[string]string{
		"direct": "the policy AdministratorAccess", "iamfull": "the policy IAMFullAccess", "custom": "the policy everything",
		"grouped": "the policy AdministratorAccess of its group admins", "ingroup": "the inline policy root of its group inliners",
		"inline": "the inline policy root", "power": "", "reader": "", "plain": "",
	} {
		if got[name] != why {
			t.Errorf("%s is an administrator by %q, want %q", name, got[name], why)
		}
	}
}
