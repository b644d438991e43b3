package conformance

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// outside gives the simulator to another program, by the variables every AWS tool reads, and gives what it prints.
func (t *T) outside(program string, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.ctx, program, args...)
	cmd.Env = slices.DeleteFunc(os.Environ(), func(kv string) bool { return strings.HasPrefix(kv, "AWS_") })
	cmd.Env = append(cmd.Env,
		"AWS_ENDPOINT_URL="+t.em.endpoint, "AWS_ACCESS_KEY_ID="+t.em.id, "AWS_SECRET_ACCESS_KEY="+t.em.secret,
		"AWS_REGION="+region, "AWS_DEFAULT_REGION="+region, "AWS_PAGER=", "AWS_MAX_ATTEMPTS=1", "AWS_EC2_METADATA_DISABLED=true",
		// Whatever the machine's own profiles say is not for this test.
		"AWS_CONFIG_FILE="+os.DevNull, "AWS_SHARED_CREDENTIALS_FILE="+os.DevNull,
	)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, errs.Bytes())
	}
	return out.Bytes()
}

// rotating makes a user with an active and an inactive key, whose secret has a current and a pending value.
func (t *T) rotating() (activeID, inactiveID string) {
	t.Helper()
	u := t.user()
	activeID, inactiveID = *t.key(u).AccessKeyId, *t.key(u).AccessKeyId
	t.ok(t.setStatus(u, inactiveID, inactive))
	t.create("é one", smtag("keyturn:user", "v1"))
	t.put(2, "two", pending)
	return activeID, inactiveID
}

// TestBoto3 lets a Python script look at the simulator over a socket.
func TestBoto3(t *testing.T) {
	bin := venv()
	if bin == "" {
		without(t, "boto3 (from moto's Python environment) is missing")
	}
	c := newT(t, startSim(t))
	on, off := c.rotating()
	var got map[string]any
	if err := json.Unmarshal(c.outside(filepath.Join(bin, "python"), filepath.Join("testdata", "look.py"), c.Name, c.Name), &got); err != nil {
		t.Fatal(err)
	}
	keys := []any{[]any{on, "Active"}, []any{off, "Inactive"}}
	if off < on {
		slices.Reverse(keys)
	}
	me, err := c.identity(c.clients)
	c.ok(err)
	want := map[string]any{
		"arn":           *me.Arn,
		"keys":          keys,
		"value":         "é one",
		"pending":       "two",
		"stages":        map[string]any{version(1): []any{current}, version(2): []any{pending}},
		"tags":          map[string]any{"keyturn:user": "v1"},
		"third_key":     limitExceeded,
		"no_user":       noSuchEntity,
		"no_secret":     notFound,
		"blind_promote": invalidParam,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("boto3 sees (-want +got):\n%s", diff)
	}
}

// awsCommand is the aws command line, of moto's Python environment or the machine's own.
func awsCommand(t *testing.T) string {
	t.Helper()
	if bin := venv(); bin != "" {
		if path := filepath.Join(bin, "aws"); exec.Command(path, "--version").Run() == nil {
			return path
		}
	}
	path, err := exec.LookPath("aws")
	if err != nil {
		without(t, "the aws command line (PyPI awscli) is missing")
	}
	return path
}

// TestCommandLine lets the aws command line look at the simulator, as the demo invites its user to.
func TestCommandLine(t *testing.T) {
	program := awsCommand(t)
	c := newT(t, startSim(t))
	on, off := c.rotating()
	ask := func(query string, args ...string) string {
		t.Helper()
		return strings.TrimSpace(string(c.outside(program, append(args, "--output", "text", "--query", query)...)))
	}
	me, err := c.identity(c.clients)
	c.ok(err)
	equal(c, "caller", ask("Arn", "sts", "get-caller-identity"), *me.Arn)
	listed := strings.Fields(ask("AccessKeyMetadata[].[AccessKeyId,Status][]", "iam", "list-access-keys", "--user-name", c.Name))
	for _, want := range [][2]string{{on, "Active"}, {off, "Inactive"}} {
		i := slices.Index(listed, want[0])
		if i < 0 || listed[i+1] != want[1] {
			t.Errorf("key %s is not listed as %s: %v", want[0], want[1], listed)
		}
	}
	equal(c, "value", ask("SecretString", "secretsmanager", "get-secret-value", "--secret-id", c.Name, "--version-stage", pending), "two")
	ask("ARN", "secretsmanager", "update-secret-version-stage", "--secret-id", c.Name, "--version-stage", current,
		"--remove-from-version-id", version(1), "--move-to-version-id", version(2))
	c.labels("AWSCURRENT=2 AWSPENDING=2 AWSPREVIOUS=1")
}
