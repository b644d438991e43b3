package simulation

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"time"

	"github.com/keyturn/keyturn/internal/awssim"
)

// processes captures what the list of processes says of the program's.
func (p *program) processes() {
	p.t.Helper()
	list, err := exec.Command("ps", "-eo", "args").Output()
	if err != nil || !strings.Contains(string(list), "serve --config daemon.yaml") {
		p.t.Fatalf("the list of processes does not show the daemon: %v", err)
	}
	for line := range strings.Lines(string(list)) {
		if strings.Contains(line, p.bin) {
			p.c.add("list of processes", "%s", line)
		}
	}
}

// secretly runs the binary where its standard output is a secret that was asked for; the rest is captured.
func (p *program) secretly(args ...string) string {
	p.t.Helper()
	cmd := exec.Command(p.bin, args...)
	cmd.Dir, cmd.Env = p.dir, p.env
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	p.c.add("stderr of "+args[0], "%s", errs.Bytes())
	if err != nil {
		p.t.Fatalf("keyturn %s: %v: %s", strings.Join(args, " "), err, errs.Bytes())
	}
	return strings.TrimSpace(string(out))
}

// apiKey makes an API key, whose text is searched for from now on.
func (p *program) apiKey(args ...string) string {
	p.t.Helper()
	text := p.secretly(append([]string{"apikey", "create"}, args...)...)
	at := strings.LastIndexByte(text, '_')
	if at < 0 || len(text)-at < 32 {
		p.t.Fatalf("an API key of %d characters", len(text))
	}
	p.c.keys = append(p.c.keys, text[at+1:])
	return text
}

// ask sends a request and captures what is not a credential that was asked for.
func (p *program) ask(key, method, url, body, where string, more ...string) (status int, text string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if key != "" {
		r.Header.Set("X-API-Key", key)
	}
	for i := 0; i+1 < len(more); i += 2 {
		r.Header.Set(more[i], more[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	if r.Header.Get("Accept") == "text/event-stream" { // it does not end by itself
		go func() { time.Sleep(500 * time.Millisecond); cancel() }()
	}
	b, _ := io.ReadAll(resp.Body)
	if resp.StatusCode >= 400 {
		where = "error bodies of the API"
	}
	if where != "" {
		p.c.add(where, "%s\n%v\n%s", resp.Status, resp.Header, b)
	}
	return resp.StatusCode, string(b)
}

// api asks everything of the REST API, rightly and wrongly, and has everything captured but the credentials and keys that were asked for.
func (p *program) api(url string) {
	t := p.t
	all := p.apiKey("all", "--scope", "credentials:read,credentials:export,rotate,operate,events:read,metrics:read,admin", "--user", "*")
	one := p.apiKey("one", "--consumer", username)
	<-time.After(6 * time.Second) // until the daemon reads its keys anew

	read := func(want bool, key, path, where string) {
		status, text := p.ask(key, http.MethodGet, url+path, "", where)
		if found := len(findCanary([]byte(text))) > 0; found != want {
			t.Errorf("GET %s: %d; a secret in it: %v", path, status, found)
		}
	}
	read(true, all, "/v1/credentials/"+username, "")
	read(true, one, "/v1/container/"+username, "")
	const plain = "answers of the API"
	for _, path := range []string{"/v1/users", "/v1/users/" + username, "/v1/plan", "/v1/events?limit=1000", "/v1/api-keys", "/openapi.json", "/metrics"} {
		read(false, all, path, plain)
	}
	p.ask(all, http.MethodGet, url+"/v1/events", "", "streams of the API", "Accept", "text/event-stream", "Last-Event-ID", "0")

	// A key is shown once, whatever is sent again.
	for _, where := range []string{"", plain} {
		const body = `{"name":"again","scopes":["events:read"],"users":["*"]}`
		status, text := p.ask(all, http.MethodPost, url+"/v1/api-keys", body, where, "Idempotency-Key", "the same")
		if status >= 300 {
			t.Errorf("POST /v1/api-keys: %d %s", status, text)
		}
		if at := strings.Index(text, "keyturn_"); where == "" && at >= 0 {
			key, _, _ := strings.Cut(text[at:], `"`)
			p.c.keys = append(p.c.keys, key[strings.LastIndexByte(key, '_')+1:])
		}
	}
	if len(p.c.keys) != 3 {
		t.Errorf("%d API keys were made", len(p.c.keys))
	}
	p.later(4 * time.Minute)
	p.ask(all, http.MethodPost, url+"/v1/users/"+username+"/rotate?wait=1", `{"why":"a test"}`, plain, "Idempotency-Key", "another")

	// Whatever is wrong, nothing of a key or a credential comes back.
	wrong := all[:len(all)-8] + "zzzzzzzz"
	for _, c := range [][]string{
		{wrong, http.MethodGet, "/v1/users", ""}, {mark, http.MethodGet, "/v1/users", ""}, {"", http.MethodGet, "/v1/users", ""},
		{one, http.MethodGet, "/v1/credentials/two-before", ""}, {one, http.MethodGet, "/v1/api-keys", ""}, {all, http.MethodGet, "/v1/credentials/nobody", ""},
		{all, http.MethodGet, "/v1/credentials", ""},
		{all, http.MethodPost, "/v1/users/" + username + "/pause", `{"why":"` + mark + `"`}, {all, http.MethodPost, "/v1/api-keys", `{"name":1}`},
		{all, http.MethodPut, "/v1/users", ""}, {all, http.MethodGet, "/nothing", ""},
	} {
		if status, text := p.ask(c[0], c[1], url+c[2], c[3], plain); status < 400 {
			t.Errorf("%s %s: %d %s", c[1], c[2], status, text)
		}
	}
	for _, fate := range []awssim.Fate{{FailBefore: awssim.AccessDenied}, {FailAfter: awssim.ServiceFailure}, {DropReply: true}} {
		p.trouble(func(c *awssim.Call) awssim.Fate {
			if c.Operation == "GetSecretValue" || c.Operation == "DescribeSecret" {
				return fate
			}
			return awssim.Fate{}
		})
		p.ask(all, http.MethodGet, url+"/v1/credentials/two-before", "", "")
		p.ask(all, http.MethodGet, url+"/v1/credentials/one-before", "", "")
		p.trouble(nil)
	}

	// Commands that have the key in their environment, as they should.
	env := p.env
	p.env = append(append([]string{}, env...), "KEYTURN_URL="+url, "KEYTURN_API_KEY="+all)
	for _, args := range [][]string{{"status", "--json"}, {"plan", "--json"}, {"events", "--json"}, {"apikey", "list", "--json"},
		{"connect", username}, {"pause", "nobody", "--why", "x"}} {
		p.later(4 * time.Minute) // nothing waits for what was changed to settle
		p.run(args...)
		p.processes()
	}
	p.secretly("credential-process", username)
	p.env = append(append([]string{}, env...), "KEYTURN_URL="+url, "KEYTURN_API_KEY="+wrong)
	p.run("status", "--json")
	p.run("credential-process", username)
	p.env = env
	p.run("accesses", "--json")
	p.run("accesses")
}
