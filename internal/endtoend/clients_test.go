package endtoend

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// consumerVariable makes this test's own program a consumer with the AWS SDK for Go.
const consumerVariable = "KEYTURN_ENDTOEND_CONSUMER"

// goConsumer does what testdata/consumer.py does.
func goConsumer(in io.Reader, out io.Writer) {
	ctx := context.Background()
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		fmt.Fprintln(out, "failed", err)
		return
	}
	identity := sts.NewFromConfig(cfg)
	for lines := bufio.NewScanner(in); lines.Scan(); {
		if _, err := identity.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{}); err != nil {
			fmt.Fprintln(out, "failed", strings.ReplaceAll(err.Error(), "\n", " "))
			continue
		}
		fmt.Fprintln(out, "ok")
	}
}

// kit is where the real clients are.
type kit struct {
	python, aws, node, modules string
	debian                     string // root of what Debian's package of the aws CLI and its libraries hold; "": they are not here
}

// newKit finds them; `make tools` sets them up.
func newKit(t *testing.T) kit {
	t.Helper()
	k := kit{python: python(t), node: "node", modules: os.Getenv("KEYTURN_NODE_MODULES")}
	k.aws = filepath.Join(filepath.Dir(k.python), "aws")
	if !filepath.IsAbs(k.python) {
		k.aws = "aws"
	}
	if k.modules == "" {
		if cache, err := os.UserCacheDir(); err == nil {
			k.modules = filepath.Join(cache, "keyturn", "js", "node_modules")
		}
	}
	if root := os.Getenv("KEYTURN_DEBIAN_AWS"); root != "" {
		if _, err := os.Stat(filepath.Join(root, "usr", "bin", "aws")); err == nil {
			k.debian = root
		}
	}
	missing := ""
	if err := exec.Command(k.aws, "--version").Run(); err != nil {
		missing = "the aws CLI (" + err.Error() + ")"
	}
	if _, err := os.Stat(filepath.Join(k.modules, "@aws-sdk", "client-sts")); err != nil {
		missing = "the AWS SDK for JavaScript (" + err.Error() + ")"
	}
	if err := exec.Command(k.node, "--version").Run(); err != nil {
		missing = "node (" + err.Error() + ")"
	}
	if missing != "" && os.Getenv("CI") != "" {
		t.Fatalf("%s is not here: `make tools` sets it up", missing)
	}
	if missing != "" {
		t.Skipf("NOT RUN: real consumers end to end: %s is not here; `make tools` sets it up", missing)
	}
	return k
}

// The clients.
const (
	clientGo     = "go"
	clientPython = "boto3"
	clientJS     = "js"
	clientCLI    = "aws-cli"
	clientDebian = "debian-aws-cli"
)

var clients = []string{clientGo, clientPython, clientJS, clientCLI}

// debianPython is what Debian's aws CLI is made for.
const debianPython = "/usr/bin/python3"

// debianAWS is version 2.9, from before AWS_ENDPOINT_URL and files for tokens.
func (k kit) debianAWS(env []string) *exec.Cmd {
	env = append(env, "PYTHONPATH="+filepath.Join(k.debian, "usr/lib/python3/dist-packages"))
	args := []string{filepath.Join(k.debian, "usr/bin/aws")}
	for _, v := range env {
		if url, ok := strings.CutPrefix(v, "AWS_ENDPOINT_URL="); ok {
			args = append(args, "--endpoint-url", url)
		}
		if file, ok := strings.CutPrefix(v, variableFile+"="); ok {
			token, _ := os.ReadFile(file) // the call fails without it
			env = append(env, "AWS_CONTAINER_AUTHORIZATION_TOKEN="+string(token))
		}
	}
	cmd := exec.Command(debianPython, append(args, "sts", "get-caller-identity")...)
	cmd.Env = env
	return cmd
}

// variableFile names the file that holds a token for container credentials.
const variableFile = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"

// caller makes one call; an error is a call that failed, in the client's own words.
type caller func() error

// open starts a client with an environment. A process of the aws CLI lasts for one call, the others for all.
func (k kit) open(t *testing.T, client string, env []string) caller {
	t.Helper()
	if client == clientCLI || client == clientDebian {
		return func() error {
			cmd := exec.Command(k.aws, "sts", "get-caller-identity")
			cmd.Env = env
			if client == clientDebian {
				cmd = k.debianAWS(env)
			}
			out, err := cmd.CombinedOutput()
			if err != nil {
				return fmt.Errorf("%w: %s", err, strings.Join(strings.Fields(string(out)), " "))
			}
			return nil
		}
	}
	var cmd *exec.Cmd
	switch client {
	case clientGo:
		cmd = exec.Command(os.Args[0])
		env = append(env, consumerVariable+"=1")
	case clientPython:
		cmd = exec.Command(k.python, "testdata/consumer.py")
	case clientJS:
		cmd = exec.Command(k.node, "testdata/js/consumer.cjs")
		env = append(env, "NODE_PATH="+k.modules)
	}
	cmd.Env = env
	var complaints strings.Builder
	cmd.Stderr = &complaints
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	answers := bufio.NewScanner(out)
	return func() error {
		if _, err := io.WriteString(in, "call\n"); err != nil {
			return fmt.Errorf("the client %s is gone: %w: %s", client, err, complaints.String())
		}
		if !answers.Scan() {
			return fmt.Errorf("the client %s ended: %v: %s", client, answers.Err(), complaints.String())
		}
		if text := answers.Text(); text != "ok" {
			return fmt.Errorf("%s", text)
		}
		return nil
	}
}
