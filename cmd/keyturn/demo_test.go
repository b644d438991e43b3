package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/keyturn/keyturn/internal/demo"
)

// hostile is an environment in which nothing that reads AWS_* variables, ~/.aws or a proxy's address can work.
func hostile(t *testing.T) []string {
	t.Helper()
	home := t.TempDir()
	if err := os.MkdirAll(filepath.Join(home, ".aws"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"config", "credentials"} {
		if err := os.WriteFile(filepath.Join(home, ".aws", name), []byte("[[[ no INI file"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return append(os.Environ(), "HOME="+home, "AWS_PROFILE=nobody", "AWS_ENDPOINT_URL=http://192.0.2.1:9", "AWS_ENDPOINT_URL_IAM=:::",
		"AWS_ACCESS_KEY_ID=AKIANOTHING", "AWS_SECRET_ACCESS_KEY=x", "AWS_SESSION_TOKEN=x", "AWS_REGION=nowhere",
		"AWS_DEFAULT_REGION=nowhere", "AWS_CONFIG_FILE=/dev/null/x", "AWS_CA_BUNDLE=/dev/null/x", "AWS_MAX_ATTEMPTS=zero",
		"HTTP_PROXY=http://192.0.2.1:9", "http_proxy=http://192.0.2.1:9")
}

// playDemo starts the program in an empty folder of its own.
func playDemo(t *testing.T, args ...string) (cmd *exec.Cmd, stdout, stderr *bytes.Buffer) {
	t.Helper()
	stdout, stderr = &bytes.Buffer{}, &bytes.Buffer{}
	cmd = exec.Command("keyturn", append([]string{"demo"}, args...)...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = t.TempDir(), hostile(t), stdout, stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	return cmd, stdout, stderr
}

// served waits for the ready file and reads it. A file that never comes is a test that never ends.
func served(t *testing.T, path string) (r demo.Access) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		text, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		d := json.NewDecoder(bytes.NewReader(text))
		d.DisallowUnknownFields()
		if err := d.Decode(&r); err != nil || r.Endpoint == "" || r.KeyID == "" || r.Secret == "" {
			t.Fatalf("the ready file holds %s: %v", text, err)
		}
		break
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the ready file has mode %o, not 600", info.Mode().Perm())
	}
	return r
}

// The promise of the front page: three full cycles in 45 s, no safety rule broken, no consumer's call failed; and AWS's own SDK
// works against the endpoint meanwhile.
func TestDemoOnce(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "ready.json")
	cmd, stdout, stderr := playDemo(t, "--once", "--json", "--ready-file", file)
	at := served(t, file)
	client := iam.New(iam.Options{Region: "us-east-1", BaseEndpoint: &at.Endpoint,
		Credentials: credentials.NewStaticCredentialsProvider(at.KeyID, at.Secret, "")})
	if _, err := client.ListUsers(context.Background(), &iam.ListUsersInput{PathPrefix: aws.String("/demo/")}); err != nil {
		t.Errorf("with the credentials of the ready file: %v", err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("demo --once: %v\n%s%s", err, stdout, stderr)
	}
	if stderr.Len() > 0 {
		t.Errorf("stderr is not empty: %s", stderr)
	}
	d := json.NewDecoder(stdout)
	var raw map[string]json.RawMessage
	if err := d.Decode(&raw); err != nil {
		t.Fatal(err)
	}
	if err := d.Decode(&struct{}{}); !errors.Is(err, io.EOF) {
		t.Errorf("there is more than one JSON object on stdout")
	}
	want := []string{"aws_calls", "consumer_calls", "consumer_failures", "deactivations", "deletions", "elapsed_seconds",
		"invariant_violations", "rotations", "users"}
	if got := slices.Sorted(maps.Keys(raw)); !slices.Equal(got, want) {
		t.Errorf("the object's keys are %v, not %v", got, want)
	}
	number := func(key string) (n float64) {
		if err := json.Unmarshal(raw[key], &n); err != nil {
			t.Errorf("%s is %s, not a number", key, raw[key])
		}
		return n
	}
	for key, bounds := range map[string][2]float64{
		"users": {12, 12}, "rotations": {21, 60}, "deactivations": {21, 60}, "deletions": {21, 60},
		"invariant_violations": {0, 0}, "consumer_calls": {1000, 1e6}, "consumer_failures": {0, 0}, "elapsed_seconds": {30, 45},
	} {
		if n := number(key); n < bounds[0] || n > bounds[1] {
			t.Errorf("%s is %g, not within %v", key, n, bounds)
		}
	}
	var calls map[string]int64
	if err := json.Unmarshal(raw["aws_calls"], &calls); err != nil {
		t.Fatal(err)
	}
	// One key for each rotation, and the first ones.
	if made, least := calls["CreateAccessKey"], int64(number("rotations")); made < least || made > least+14 {
		t.Errorf("%d keys were created for %d rotations", made, least)
	}
	for _, op := range []string{"ListAccessKeys", "DescribeSecret", "PutSecretValue", "UpdateSecretVersionStage", "TagResource",
		"GetCallerIdentity", "GetSecretValue", "UpdateAccessKey", "DeleteAccessKey"} {
		if calls[op] == 0 {
			t.Errorf("no call of %s was made", op)
		}
	}
	t.Logf("%s", raw)
}

// In a pipe the demo writes plain lines, and Ctrl-C ends it with a summary.
func TestDemoInterrupted(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "ready.json")
	if err := os.WriteFile(file, []byte(`{"aws_endpoint":"http://127.0.0.1:1"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("keyturn", "demo", "--ready-file", file)
	cmd.Dir, cmd.Env = t.TempDir(), hostile(t)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	var text strings.Builder
	for buf := make([]byte, 4096); !strings.Contains(text.String(), "under care: first key"); {
		n, err := stdout.Read(buf)
		if err != nil {
			t.Fatalf("%v after %s", err, text.String())
		}
		text.Write(buf[:n])
	}
	at := served(t, file)
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(stdout)
	if err != nil {
		t.Fatal(err)
	}
	text.Write(rest)
	if err := cmd.Wait(); err != nil {
		t.Errorf("interrupted, the demo ends with %v", err)
	}
	for _, want := range []string{at.Endpoint, at.KeyID, "aws iam list-access-keys --user-name ci-deploy", "0 failed", "0 safety rules broken"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the output does not say %q:\n%s", want, text.String())
		}
	}
	if strings.Contains(text.String(), "\x1b") {
		t.Errorf("there are escape sequences in a pipe:\n%q", text.String())
	}
}

func TestDemoUsage(t *testing.T) {
	t.Parallel()
	there := filepath.Join(t.TempDir(), "there.db")
	if err := os.WriteFile(there, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--json"}, "needs --once"},
		{[]string{"--speed", "0"}, "from 1 to 60"},
		{[]string{"--speed", "61"}, "from 1 to 60"},
		{[]string{"--speed", "NaN"}, "from 1 to 60"},
		{[]string{"--once", "--database", there}, "name a new file"},
		{[]string{"now"}, "takes no argument"},
	} {
		cmd, stdout, stderr := playDemo(t, c.args...)
		var exit *exec.ExitError
		if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != exitUsage {
			t.Errorf("demo %v ended with %v, not exit code %d", c.args, err, exitUsage)
		}
		if !strings.Contains(stderr.String(), c.want) || strings.Count(stderr.String(), "\n") != 1 || stdout.Len() > 0 {
			t.Errorf("demo %v says %q and %q, not one sentence with %q", c.args, stdout, stderr, c.want)
		}
	}
	if text, err := os.ReadFile(there); err != nil || string(text) != "precious" {
		t.Errorf("the existing file holds %q now: %v", text, err)
	}
}
