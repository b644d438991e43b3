package endtoend

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// The REST API is held to its own description by schemathesis, with a key that may do everything and with none: no answer that the
// description does not know, no failure of keyturn's own, nothing refused that it allows, nothing allowed that it refuses.
func TestContract(t *testing.T) {
	t.Parallel()
	tool := schemathesis(t)
	const speed = 20
	w := newWorld(t, speed, `api: {limits: {per_key: 0, per_address: 0}, export: true, trusted_proxies: ["127.0.0.1"]}
`)
	people := w.sim.People()
	users := []string{"ci-deploy", "billing"} // ci-deploy is the example of the description
	for _, name := range users {
		w.must(people.CreateUser(name, "/service/", nil))
	}
	serve := exec.Command(binary, "serve", "--speed", fmt.Sprint(speed), "--listen", "127.0.0.1:0", "--ready-file", "up.json")
	var said bytes.Buffer
	serve.Dir, serve.Env, serve.Stdout, serve.Stderr = w.dir, w.env, &said, &said
	w.must(serve.Start())
	defer func() {
		_ = serve.Process.Signal(os.Interrupt)
		_ = serve.Wait()
	}()
	create := exec.Command(binary, "apikey", "create", "all", "--user", "*", "--scope",
		"credentials:read,credentials:export,rotate,operate,events:read,metrics:read,admin")
	create.Dir, create.Env = w.dir, w.env
	key, err := create.Output()
	w.must(err)
	shown := strings.TrimSpace(string(key))
	var place struct {
		URL string `json:"api_url"`
	}
	w.until("the API", func() string {
		text, err := os.ReadFile(filepath.Join(w.dir, "up.json"))
		if err == nil {
			err = json.Unmarshal(text, &place)
		}
		if err != nil {
			return err.Error()
		}
		for _, user := range users {
			if answer := w.ask(place.URL+"/v1/credentials/"+user, shown); !strings.Contains(answer, "expiration") {
				return answer
			}
		}
		return ""
	})
	play := t.TempDir() // the tool leaves its notes beside its settings
	w.must(os.CopyFS(play, os.DirFS("testdata/schemathesis")))
	for _, c := range []struct {
		name, examples string
		headers        []string
	}{
		{"with a key", "2", []string{"-H", "X-API-Key: " + shown}},
		{"without a key", "1", nil},
	} {
		began := time.Now()
		run := exec.Command(tool, append([]string{"--config-file", "schemathesis.toml", "run", place.URL + "/openapi.json", "--max-examples", c.examples}, c.headers...)...)
		run.Dir = play
		run.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + w.dir, "PYTHONPATH=.", "PYTHONDONTWRITEBYTECODE=1", "NO_COLOR=1", "LANG=C.UTF-8",
			"KEYTURN_KEY_ID=" + strings.Split(shown, "_")[1]}
		out, err := run.CombinedOutput()
		tried := regexp.MustCompile(`(\d+) generated`).FindSubmatch(out)
		if err != nil || tried == nil || len(tried[1]) < 3 {
			t.Errorf("%s: %v\n%s\nkeyturn said:\n%s", c.name, err, out, tail(said.String(), 20))
			continue
		}
		t.Logf("%s: %s requests in %s, all as described", c.name, tried[1], time.Since(began).Round(time.Second))
	}
}

// ask reads an address with an API key, and gives whatever comes.
func (w *world) ask(url, key string) string {
	r, err := http.NewRequest(http.MethodGet, url, nil)
	w.must(err)
	r.Header.Set("X-API-Key", key)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return err.Error()
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return fmt.Sprint(string(text), err)
}

// schemathesis is the tool: beside moto, or on the path.
func schemathesis(t *testing.T) string {
	t.Helper()
	candidates := []string{"schemathesis"}
	if moto := os.Getenv("KEYTURN_MOTO_SERVER"); moto != "" {
		candidates = append([]string{filepath.Join(filepath.Dir(moto), "schemathesis")}, candidates...)
	}
	for _, tool := range candidates {
		if exec.Command(tool, "--version").Run() == nil {
			return tool
		}
	}
	if os.Getenv("CI") != "" {
		t.Fatal("schemathesis is not here: `make tools` sets it up")
	}
	t.Skip("NOT RUN: the REST API against its own description: schemathesis is not here; `make tools` sets it up")
	return ""
}
