package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	rest "github.com/keyturn/keyturn/internal/server"
)

// shownHeaders are those of an answer that scripts look at.
var shownHeaders = []string{"Content-Type", "Location", "Retry-After", "Cache-Control", "Idempotency-Replayed", "Access-Control-Allow-Origin"}

// apiCall is the command api: it asks the daemon that `up` found and prints status, some headers and body: api STATUS METHOD PATH [BODY]. The API key is that of
// KEYTURN_API_KEY, if that is set. With -H 'NAME: VALUE' before all else it sends a header; with -lines N, it reads so many lines of a stream
// that hold data, and goes away.
func apiCall(ts *testscript.TestScript, neg bool, args []string) {
	header, lines := http.Header{}, 0
	for len(args) > 1 && strings.HasPrefix(args[0], "-") {
		switch args[0] {
		case "-H":
			name, value, _ := strings.Cut(args[1], ": ")
			header.Add(name, value)
		case "-lines":
			n, err := strconv.Atoi(args[1])
			ts.Check(err)
			lines = n
		default:
			ts.Fatalf("api has no flag %s", args[0])
		}
		args = args[2:]
	}
	if neg || len(args) < 3 || len(args) > 4 {
		ts.Fatalf("usage: api [-H 'NAME: VALUE'] [-lines N] STATUS METHOD PATH [BODY]")
	}
	var body io.Reader
	if len(args) == 4 {
		body = strings.NewReader(args[3])
		if header.Get("Content-Type") == "" {
			header.Set("Content-Type", "application/json")
		}
	}
	r, err := http.NewRequest(args[1], "http://"+ts.Getenv("PAGES")+args[2], body)
	ts.Check(err)
	r.Header = header
	if key := ts.Getenv("KEYTURN_API_KEY"); key != "" {
		r.Header.Set("X-API-Key", key)
	}
	if host := header.Get("Host"); host != "" {
		r.Host = host
	}
	client := &http.Client{Timeout: time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(r)
	ts.Check(err)
	defer res.Body.Close()
	out := ts.Stdout()
	fmt.Fprintln(out, res.StatusCode)
	for _, name := range shownHeaders {
		if v := res.Header.Get(name); v != "" {
			fmt.Fprintf(out, "%s: %s\n", name, v)
		}
	}
	fmt.Fprintln(out)
	if lines == 0 {
		_, err = io.Copy(out, res.Body)
		ts.Check(err)
	} else {
		for s := bufio.NewScanner(res.Body); lines > 0 && s.Scan(); {
			fmt.Fprintln(out, s.Text())
			if strings.HasPrefix(s.Text(), "data: ") {
				lines--
			}
		}
	}
	if strconv.Itoa(res.StatusCode) != args[0] {
		ts.Fatalf("status %d, not %s: %s", res.StatusCode, args[0], ts.ReadFile("stdout"))
	}
}

// keep sets a variable to what a pattern's first group, or all of it, matched in the standard output of the command before: keep VARIABLE
// REGEXP.
func keep(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: keep VARIABLE REGEXP")
	}
	found := regexp.MustCompile(args[1]).FindStringSubmatch(ts.ReadFile("stdout"))
	if found == nil {
		ts.Fatalf("%s is not in %s", args[1], ts.ReadFile("stdout"))
	}
	ts.Setenv(args[0], found[len(found)-1])
}

// alike runs `keyturn` with the same arguments on this machine and through KEYTURN_URL, in a folder without a configuration, and fails unless
// exit code and outputs are the same: alike ARGUMENT…
//
// With -as ONE=TWO the second time is about the user TWO, who stands as ONE does: for commands that change something. Ids of keys, moments
// and spans count as alike.
func alike(ts *testscript.TestScript, neg bool, args []string) {
	one, two := "", ""
	if len(args) > 1 && args[0] == "-as" {
		one, two, _ = strings.Cut(args[1], "=")
		args = args[2:]
	}
	if neg || len(args) == 0 {
		ts.Fatalf("usage: alike [-as ONE=TWO] ARGUMENT…")
	}
	url, home := ts.Getenv("KEYTURN_URL"), ts.MkAbs(".")
	run := func(where, dir string, args []string) string {
		ts.Setenv("KEYTURN_URL", where)
		ts.Check(ts.Chdir(dir))
		code := 0
		var exit *exec.ExitError
		if err := ts.Exec("keyturn", args...); errors.As(err, &exit) {
			code = exit.ExitCode()
		} else {
			ts.Check(err)
		}
		return fmt.Sprintf("exit code %d\n%s\n%s", code, ts.ReadFile("stdout"), ts.ReadFile("stderr"))
	}
	here := run("", home, args)
	second := make([]string, len(args))
	for i, a := range args {
		if second[i] = a; a == one {
			second[i] = two
		}
	}
	there := run("http://"+ts.Getenv("PAGES"), ts.MkAbs("elsewhere"), second)
	ts.Setenv("KEYTURN_URL", url)
	ts.Check(ts.Chdir(home))
	if two != "" {
		there = strings.ReplaceAll(there, two, one)
	}
	if a, b := plainly(here), plainly(there); a != b {
		ts.Fatalf("not alike:\n%s\n--- and through KEYTURN_URL:\n%s", a, b)
	}
	fmt.Fprint(ts.Stdout(), there)
}

var differs = []struct {
	what *regexp.Regexp
	as   string
}{
	{regexp.MustCompile(`AKIA[A-Z0-9]{16}`), "AKIA"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`), "MOMENT"},
	{regexp.MustCompile(`\b(\d+(\.\d+)?[dhms])+\b`), "SPAN"},
	{regexp.MustCompile(`\b(ops|root|\w+): `), ""}, // who asked
	{regexp.MustCompile(`"run":"\w+"|"seq":\d+`), "ID"},
	{regexp.MustCompile(` +`), " "},
}

func plainly(s string) string {
	for _, d := range differs {
		s = d.what.ReplaceAllString(s, d.as)
	}
	return s
}

var asked = regexp.MustCompile(`(?m)^api .*?\b(2\d\d) (GET|POST|DELETE) (\S+)`)

// TestEveryRouteIsPlayed: each operation of the API succeeds in a script against the real program at least once.
func TestEveryRouteIsPlayed(t *testing.T) {
	scripts, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	played := map[string]bool{}
	for _, path := range scripts {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range asked.FindAllStringSubmatch(string(text), -1) {
			played[m[2]+" "+strings.SplitN(m[3], "?", 2)[0]] = true
		}
	}
	parameter := regexp.MustCompile(`\\\{\w+\\\}`)
	for _, rt := range rest.Routes {
		want := regexp.MustCompile("^" + parameter.ReplaceAllString(regexp.QuoteMeta(rt.Pattern()), `[^/]+`) + "$")
		found := false
		for p := range played {
			found = found || want.MatchString(p)
		}
		if !found {
			t.Errorf("no script has %s (%s) answered", rt.Pattern(), rt.ID)
		}
	}
}
