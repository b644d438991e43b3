package conformance

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// venv is the folder of programs of the Python environment that moto comes from, and "" when there is none.
func venv() string {
	if path := os.Getenv("KEYTURN_MOTO_SERVER"); path != "" {
		return filepath.Dir(path)
	}
	cache := os.Getenv("XDG_CACHE_HOME")
	if cache == "" {
		cache = filepath.Join(os.Getenv("HOME"), ".cache")
	}
	bin := filepath.Join(cache, "keyturn", "venv", "bin")
	if _, err := os.Stat(filepath.Join(bin, "moto_server")); err != nil {
		return ""
	}
	return bin
}

// without ends a test that lacks a program: a failure where nothing may be left out, else a loud skip.
func without(t *testing.T, what string) {
	t.Helper()
	msg := fmt.Sprintf("NOT RUN: %s: `make test` installs it; or set KEYTURN_MOTO_SERVER to moto_server of a venv that has it", what)
	if os.Getenv("CI") == "true" {
		t.Fatal(msg)
	}
	fmt.Fprintln(os.Stderr, msg)
	t.Skip(msg)
}

var running = regexp.MustCompile(`Running on (http://127\.0\.0\.1:\d+)`)

// startMoto starts moto_server on a free port, makes an administrator, and switches its check of signatures on.
func startMoto(t *testing.T) *emulator {
	t.Helper()
	bin := venv()
	if bin == "" {
		without(t, "moto (PyPI moto[server]) is missing")
	}
	log, err := os.Create(filepath.Join(t.TempDir(), "moto.log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(bin, "moto_server"), "-H", "127.0.0.1", "-p", "0")
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = append(os.Environ(), "PYTHONUNBUFFERED=1", "MOTO_IAM_LOAD_MANAGED_POLICIES=true", "INITIAL_NO_AUTH_ACTION_COUNT=inf")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-done
		log.Close()
	})

	em := &emulator{name: "moto", differed: map[string]int{}}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for em.endpoint == "" {
		select {
		case err := <-done:
			done <- err
			text, _ := os.ReadFile(log.Name())
			t.Fatalf("moto_server ended before it served (%v):\n%s", err, text)
		case <-tick.C:
			text, _ := os.ReadFile(log.Name())
			if m := running.FindSubmatch(text); m != nil {
				em.endpoint = string(m[1])
			}
		}
	}
	em.admit(t)
	return em
}

// admit makes moto's administrator. Until then moto grants everything; afterwards every call must be signed by a key
// that exists and whose user's policies allow the action.
func (em *emulator) admit(t *testing.T) {
	t.Helper()
	em.id, em.secret = "AKIAIOSFODNN7EXAMPLE", "unchecked"
	c := newT(t, em)
	name := aws.String("administrator")
	_, err := c.IAM.CreateUser(c.ctx, &iam.CreateUserInput{UserName: name})
	c.ok(err)
	_, err = c.IAM.PutUserPolicy(c.ctx, &iam.PutUserPolicyInput{
		UserName: name, PolicyName: aws.String("all"), PolicyDocument: aws.String(policyDocument("Allow")),
	})
	c.ok(err)
	key, err := c.IAM.CreateAccessKey(c.ctx, &iam.CreateAccessKeyInput{UserName: name})
	c.ok(err)
	em.id, em.secret = *key.AccessKey.AccessKeyId, *key.AccessKey.SecretAccessKey
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, em.endpoint+"/moto-api/reset-auth", strings.NewReader("0"))
	c.ok(err)
	res, err := http.DefaultClient.Do(r)
	c.ok(err)
	res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Fatalf("moto refuses to check signatures: %s", res.Status)
	}
}

// policyDocument allows or denies everything.
func policyDocument(effect string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"` + effect + `","Action":"*","Resource":"*"}]}`
}
