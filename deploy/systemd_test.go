package deploy_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/keyturn/keyturn/deploy"
)

// unit reads the settings of the unit file, by section and key.
func unit(t *testing.T) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	section := ""
	for n, line := range strings.Split(deploy.SystemdUnit, "\n") {
		key, value, ok := strings.Cut(line, "=")
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "["):
			section = strings.Trim(line, "[]")
		case !ok || section == "" || strings.TrimSpace(key) != key:
			t.Errorf("line %d is no setting: %q", n+1, line)
		default:
			out[section+"."+key] = append(out[section+"."+key], value)
		}
	}
	return out
}

// TestSystemdUnitFitsTheDaemon: what the program counts on, and what it needs not.
func TestSystemdUnitFitsTheDaemon(t *testing.T) {
	u := unit(t)
	for key, want := range map[string]string{
		"Service.Type": "notify-reload", "Service.DynamicUser": "yes", "Service.ProtectSystem": "strict", "Service.NoNewPrivileges": "yes",
		"Service.StateDirectory": "keyturn", "Service.StateDirectoryMode": "0700", "Service.Restart": "always", "Service.UMask": "0077",
		"Service.CapabilityBoundingSet": "", "Service.WatchdogSec": "60s", "Service.TimeoutStopSec": "45s",
		"Unit.StartLimitIntervalSec": "0", "Install.WantedBy": "multi-user.target",
		"Service.RestrictAddressFamilies": "AF_INET AF_INET6 AF_UNIX",
	} {
		if got := strings.Join(u[key], "; "); len(u[key]) == 0 || got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	if exec := u["Service.ExecStart"]; len(exec) != 1 || exec[0] != "/usr/local/bin/keyturn serve --config /etc/keyturn/keyturn.yaml" {
		t.Errorf("ExecStart is %q", exec)
	}
}

// TestSystemdUnitIsUnderstood has systemd read it, where there is one.
func TestSystemdUnitIsUnderstood(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Log("systemd-analyze is not here: TestSystemdUnitFitsTheDaemon alone has read the unit file")
		return
	}
	text := strings.ReplaceAll(deploy.SystemdUnit, "/usr/local/bin/keyturn serve", "/bin/true serve") // it is not installed here
	version, err := exec.Command(analyze, "--version").Output()
	if err != nil {
		t.Fatal(err)
	}
	if m := regexp.MustCompile(`^systemd (\d+)`).FindStringSubmatch(string(version)); m == nil || m[1] < "253" {
		text = strings.Replace(text, "Type=notify-reload", "Type=notify\nExecReload=kill -HUP $MAINPID", 1) // as docs/daemon.md says
	}
	path := filepath.Join(t.TempDir(), "keyturn.service")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(analyze, "verify", "--man=no", path).CombinedOutput()
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "keyturn.service") {
			t.Errorf("systemd says: %s", strings.TrimSpace(line))
		}
	}
	if err != nil && !t.Failed() {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
}
