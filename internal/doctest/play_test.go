package doctest

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/keyturn/keyturn/internal/config"
)

// notRun are the lines of ```sh blocks, with the reason why they are not run here.
var notRun = map[string]string{
	"make demo": "lasts until q is pressed; cmd/keyturn/demo_test.go plays it",
	"install -m 755 bin/keyturn /usr/local/bin/keyturn":      "changes this machine",
	"mkdir -p /etc/keyturn && cp keyturn.yaml /etc/keyturn/": "changes this machine",
	"cp deploy/systemd/keyturn.service /etc/systemd/system/": "changes this machine; deploy/systemd_test.go has systemd read the file",
	"systemctl enable --now keyturn":                         "needs systemd; cmd/keyturn/testdata/script/serve.txtar starts the program",
	"sudo keyturn status -c /etc/keyturn/keyturn.yaml":       "needs the daemon of above; cmd/keyturn/testdata/script/serve.txtar does the same",
	"make test": "this test is part of it",
	"export KEYTURN_URL=https://keyturn.example.com KEYTURN_AWS_IDENTITY=1":                     "needs that server; cmd/keyturn/testdata/script/apikey-server.txtar does the same",
	"keyturn credential-process mail":                                                           "needs the server of above",
	"go install github.com/keyturn/keyturn/cmd/keyturn@latest":                                  "fetches what is published",
	"keyturn sim --ready-file /tmp/sim.json":                                                    "serves until it is stopped; cmd/keyturn/testdata/script/sim.txtar starts it",
	". /tmp/keyturn-demo-123456789/app":                                                         "needs the demo that wrote the file; internal/demo/stage_test.go does the same",
	". /tmp/keyturn-demo-123456789/env":                                                         "needs the demo that wrote the file; the console block below it is run",
	"* * * * * keyturn run --config /etc/keyturn/keyturn.yaml --json >> /var/log/keyturn.jsonl": "a line of crontab; its command is run on the same page",
}

// TestPages runs every page.
func TestPages(t *testing.T) {
	bin := t.TempDir()
	build := exec.Command("go", "build", "-o", bin, "./cmd/keyturn")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building keyturn: %v\n%s", err, out)
	}
	listed := map[string]bool{}
	commands := 0
	for _, p := range pages(t) {
		for _, i := range p.items {
			for _, line := range i.unrun() {
				listed[line] = true
				if notRun[line] == "" {
					t.Errorf("%s:%d: `%s` is not run, and notRun gives no reason: make it a console block, or list it", p.path, i.line,
						line)
				}
			}
			commands += len(i.commands())
		}
		t.Run(p.path, func(t *testing.T) {
			t.Parallel()
			p.play(t, bin)
		})
	}
	for line := range notRun {
		if !listed[line] {
			t.Errorf("notRun lists `%s`, which no page has", line)
		}
	}
	if commands < 40 {
		t.Errorf("only %d commands were found in all pages", commands)
	}
}

// unrun are the commands of an sh block, without what is said of them after a #.
func (i item) unrun() (out []string) {
	if i.lang != "sh" {
		return nil
	}
	for line := range strings.Lines(i.text) {
		line, _, _ = strings.Cut(line, " #")
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			out = append(out, line)
		}
	}
	return out
}

// show is one page being played.
type show struct {
	world *world
	dir   string // where its commands run
	env   []string
}

// raise begins anew: another AWS, and a folder that has the files of the last one but its database.
func (s *show) raise(t *testing.T, bin string) {
	t.Helper()
	if s.world != nil {
		s.world.close()
		_ = os.Remove(filepath.Join(s.dir, "keyturn.db"))
		for _, more := range []string{"-wal", "-shm"} {
			_ = os.Remove(filepath.Join(s.dir, "keyturn.db"+more))
		}
	}
	var err error
	if s.world, err = newWorld(); err != nil {
		t.Fatal(err)
	}
	id, secret := s.world.sim.RotatorKey()
	own := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "AWS_") })
	s.env = append(own, "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"), "AWS_ENDPOINT_URL="+s.world.endpoint,
		"AWS_ACCESS_KEY_ID="+id, "AWS_SECRET_ACCESS_KEY="+secret, "AWS_REGION=us-east-1",
		"AWS_DEFAULT_REGION=us-east-1", "AWS_EC2_METADATA_DISABLED=true", "AWS_PAGER=", "NO_COLOR=1", "LC_ALL=C.UTF-8",
		"AWS_CONFIG_FILE="+filepath.Join(s.dir, ".aws", "config"), "AWS_SHARED_CREDENTIALS_FILE="+filepath.Join(s.dir, "none"))
}

func (p page) play(t *testing.T, bin string) {
	s := &show{dir: t.TempDir()}
	s.raise(t, bin)
	defer func() { s.world.close() }()
	for _, i := range p.items {
		switch {
		case i.file() != "":
			path := filepath.Join(s.dir, filepath.FromSlash(i.file()))
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(i.text), 0o600); err != nil {
				t.Fatal(err)
			}
		case i.lang == "yaml":
			p.fragment(t, i)
		case i.lang == "aws":
			for _, text := range strings.Split(i.text, "; ") {
				if text == "new" {
					s.raise(t, bin)
				} else if err := s.world.act(text); err != nil {
					t.Fatalf("%s:%d: %s: %v", p.path, i.line, text, err)
				}
			}
		case i.lang == "console":
			p.console(t, s, i)
		}
	}
}

// fragment loads a part of a keyturn.yaml, with users if it has none.
func (p page) fragment(t *testing.T, i item) {
	t.Helper()
	text := i.text
	if !regexp.MustCompile(`(?m)^users:`).MatchString(text) {
		text += "users: {include: [{path: /service/}]}\n"
	}
	path := filepath.Join(t.TempDir(), "keyturn.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := config.Load(path); err != nil {
		t.Errorf("%s:%d: %v", p.path, i.line, err)
	}
}

// command is one command of a console block.
type command struct {
	text string
	want []string // lines
}

func (i item) commands() (out []command) {
	if i.lang != "console" {
		return nil
	}
	goesOn := false
	for line := range strings.Lines(i.text) {
		line = strings.TrimSuffix(line, "\n")
		text, begins := strings.CutPrefix(line, "$ ")
		switch {
		case goesOn:
			out[len(out)-1].text += "\n" + line
		case begins:
			out = append(out, command{text: text})
		case len(out) > 0:
			out[len(out)-1].want = append(out[len(out)-1].want, line)
		}
		goesOn = strings.HasSuffix(line, `\`) && (goesOn || begins)
	}
	return out
}

// needs are programs that a machine may lack; make test sets them up where it can.
var needs = regexp.MustCompile(`(?m)(?:^|\(|\| )(aws|python3|curl) `)

// works asks a program for little; python3 needs boto3.
func works(name string) error {
	args := []string{"--version"}
	if name == "python3" {
		args = []string{"-c", "import boto3"}
	}
	return exec.Command(name, args...).Run()
}

// console runs a block as one shell, in which a mark with the exit code follows each command.
func (p page) console(t *testing.T, s *show, i item) {
	t.Helper()
	all := i.commands()
	if len(all) == 0 {
		t.Errorf("%s:%d: a console block without a command", p.path, i.line)
		return
	}
	const mark = "\x01"
	var script strings.Builder
	for _, c := range all {
		for _, m := range needs.FindAllStringSubmatch(c.text, -1) {
			if err := works(m[1]); err != nil {
				if os.Getenv("CI") != "" {
					t.Fatalf("%s:%d: %s does not work here: %v", p.path, i.line, m[1], err)
				}
				t.Skipf("NOT RUN from %s:%d on: %s does not work here (%v); `make tools` sets it up", p.path, i.line, m[1], err)
			}
		}
		script.WriteString(c.text + "\n__code=$?; printf '" + mark + "%d" + mark + "' $__code; (exit $__code)\n")
	}
	shell := exec.Command("bash", "-c", script.String())
	shell.Dir, shell.Env = s.dir, s.env
	out, err := shell.CombinedOutput()
	parts := strings.Split(string(out), mark)
	if len(parts) != 2*len(all)+1 {
		t.Fatalf("%s:%d: the block did not run to its end: %v\n%s", p.path, i.line, err, out)
	}
	for n, c := range all {
		got, code := parts[2*n], parts[2*n+1]
		if code != "0" && (n+1 == len(all) || all[n+1].text != "echo $?") {
			t.Errorf("%s:%d: `%s` ends with exit code %s:\n%s", p.path, i.line, c.text, code, got)
		}
		if !like(c.want, got) {
			t.Errorf("%s:%d: `%s` prints\n%s\nand the page says\n%s", p.path, i.line, c.text, got, strings.Join(c.want, "\n"))
		}
	}
}

// spaces align columns, which are as wide as what is in them.
var spaces = regexp.MustCompile(` {2,}`)

// like compares an output with what a page shows of it.
func like(want []string, got string) bool {
	var pattern strings.Builder
	pattern.WriteString(`^`)
	got = spaces.ReplaceAllString(got, " ")
	for _, line := range want {
		line = spaces.ReplaceAllString(line, " ")
		if strings.TrimSpace(line) == "…" {
			pattern.WriteString(`(?:.*\n)*?`)
			continue
		}
		parts := strings.Split(strings.TrimRight(line, " "), "…")
		for i := range parts {
			parts[i] = regexp.QuoteMeta(parts[i])
		}
		pattern.WriteString(strings.Join(parts, `.*`) + ` *\n`)
	}
	return regexp.MustCompile(pattern.String() + `$`).MatchString(got)
}

// TestLike: what a page shows is compared, not only shown.
func TestLike(t *testing.T) {
	for _, c := range []struct {
		want, got string
		same      bool
	}{
		{"a", "a\n", true},
		{"a", "b\n", false},
		{"a", "a\nb\n", false},
		{"a\n…", "a\nb\nc\n", true},
		{"a\n…\nd", "a\nb\nc\n", false},
		{"AKIA… made", "AKIAX made\n", true},
		{"AKIA… made", "AKIAX lost\n", false},
		{"a.c", "abc\n", false},
		{"a  b", "a     b\n", true},
		{"a  b", "ab\n", false},
	} {
		if got := like(strings.Split(c.want, "\n"), c.got); got != c.same {
			t.Errorf("like(%q, %q) is %s", c.want, c.got, strconv.FormatBool(got))
		}
	}
}
