package endtoend

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// The ways by which a real client gets its credentials.
type way string

const (
	container      way = "container"        // two variables, from the server
	process        way = "process"          // credential_process, from the server
	agentContainer way = "agent, container" // two variables, from the agent
	agentProcess   way = "agent, process"   // credential_process, which finds the agent
)

func (w way) agent() bool { return strings.HasPrefix(string(w), "agent") }

// patron is a real client of one user, which signs calls all the time.
type patron struct {
	client string
	way    way
	user   string
	call   caller
	every  time.Duration

	mu      sync.Mutex
	calls   int
	failed  []string
	longest time.Duration
}

func (p *patron) String() string { return p.client + " by " + string(p.way) }

// house is where the patrons go: keyturn's address, its API keys, and what they did.
type house struct {
	w       *world
	api     string // keyturn's address
	agent   string // the agent's; "": there is none
	token   string // the agent's token file
	patrons []*patron
	// doors are closed while those that go to the server themselves are not to be there.
	doors sync.RWMutex

	mu   sync.Mutex
	used map[string]map[string]int // user → key id → calls signed with it
}

// appName is what a client calls itself, so that its calls can be told from keyturn's own with the same key.
const appName = "patron"

// watch is told of every request to the simulated AWS.
func (h *house) watch(r *http.Request) {
	if !strings.Contains(r.UserAgent(), "app/"+appName) && !strings.Contains(r.UserAgent(), "aws-cli/") {
		return // older aws CLIs have no name of an application
	}
	m := signer.FindStringSubmatch(r.Header.Get("Authorization"))
	if m == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	user := h.userOf(m[1])
	if h.used[user] == nil {
		h.used[user] = map[string]int{}
	}
	h.used[user][m[1]]++
}

var signer = regexp.MustCompile(`Credential=(\w+)/`)

// userOf finds whose key it is.
func (h *house) userOf(key string) string {
	for user, keys := range h.used {
		if keys[key] > 0 {
			return user
		}
	}
	for _, user := range h.w.users {
		for _, k := range h.w.sim.Keys(user) {
			if k.ID == key {
				return user
			}
		}
	}
	return "nobody"
}

func (h *house) keysUsed(user string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.used[user])
}

func (h *house) callsSigned(user string) (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, each := range h.used[user] {
		n += each
	}
	return n
}

// keyturn runs the program, and gives what it prints.
func (w *world) keyturn(args ...string) string {
	w.t.Helper()
	cmd := exec.Command(binary, args...)
	cmd.Dir, cmd.Env = w.dir, w.env
	var complaints strings.Builder
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		w.t.Fatalf("keyturn %s: %v: %s", strings.Join(args, " "), err, complaints.String())
	}
	return strings.TrimSpace(string(out))
}

// keyFiles makes an API key for each user and one for the agent, and puts them into files, without a newline. Nobody has asked the server for
// anything yet: a key that is made later is accepted within 10 seconds only.
func (h *house) keyFiles() {
	w := h.w
	w.t.Helper()
	one := func(name string, args ...string) {
		w.write(name+".key", w.keyturn(append([]string{"apikey", "create", name}, args...)...))
		pause(w.scaled(staleness)) // the next one is told of this one
	}
	for _, user := range w.users {
		one(user, "--consumer", user)
	}
	one("agent", "--scope", "credentials:read", "--user", "*")
	pause(w.scaled(2 * staleness)) // no answer is from before
}

// startAgent starts `keyturn agent` for everybody under care.
func (h *house) startAgent() {
	w := h.w
	w.t.Helper()
	h.token = filepath.Join(w.dir, "agent", "token")
	ready := filepath.Join(w.dir, "agent.ready")
	log, err := os.Create(filepath.Join(w.dir, "agent.log"))
	w.must(err)
	cmd := exec.Command(binary, "agent", "--listen", "127.0.0.1:0", "--url", h.api, "--token-file", h.token, "--ready-file", ready,
		"--api-key-file", filepath.Join(w.dir, "agent.key"))
	cmd.Dir, cmd.Env, cmd.Stderr = w.dir, []string{"HOME=" + w.dir, "PATH=" + os.Getenv("PATH")}, log
	w.must(cmd.Start())
	w.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = log.Close()
		if w.t.Failed() {
			text, _ := os.ReadFile(log.Name())
			w.t.Logf("log of the agent:\n%s", tail(string(text), 20))
		}
	})
	var place struct {
		URL string `json:"agent_url"`
	}
	w.reads(ready, &place)
	h.agent = place.URL
}

// nameOf is the user of a client.
func (h *house) nameOf(client string, by way) string {
	return strings.ReplaceAll(client+"-"+string(by), ", ", "-")
}

// invite starts a client of a user. A process of the aws CLI, and a credential_process, is one more program for each call: they go slowly.
func (h *house) invite(k kit, client string, by way, every time.Duration) *patron {
	w := h.w
	w.t.Helper()
	p := &patron{client: client, way: by, user: h.nameOf(client, by), every: every}
	home := filepath.Join(w.dir, p.user)
	w.must(os.MkdirAll(filepath.Join(home, ".aws"), 0o700))
	env := []string{"HOME=" + home, "PATH=" + filepath.Dir(binary) + string(os.PathListSeparator) + os.Getenv("PATH"),
		"AWS_ENDPOINT_URL=" + w.endpoint, "AWS_REGION=" + region, "AWS_DEFAULT_REGION=" + region, "AWS_EC2_METADATA_DISABLED=true",
		"AWS_SDK_UA_APP_ID=" + appName, "AWS_PAGER=", "KEYTURN_AGENT_TOKEN_FILE=" + filepath.Join(home, "none")}
	url, file := h.api, ""
	if by.agent() {
		url, file = h.agent, h.token
	} else {
		file = filepath.Join(w.dir, p.user+".key")
	}
	switch by {
	case container, agentContainer:
		env = append(env, "AWS_CONTAINER_CREDENTIALS_FULL_URI="+url+"/v1/container/"+p.user, variableFile+"="+file)
	case process, agentProcess:
		command := fmt.Sprintf("%s credential-process %s", binary, p.user)
		if by == process {
			command += fmt.Sprintf(" --url %s --api-key-file %s", url, file)
		} else {
			command += " --token-file " + file
		}
		w.must(os.WriteFile(filepath.Join(home, ".aws", "config"), []byte("[profile it]\ncredential_process = "+command+"\n"), 0o600))
		env = append(env, "AWS_PROFILE=it", "AWS_CONFIG_FILE="+filepath.Join(home, ".aws", "config"))
	}
	p.call = k.open(w.t, client, env)
	h.patrons = append(h.patrons, p)
	return p
}

// work calls until it is stopped.
func (p *patron) work(h *house, stop <-chan struct{}) {
	tick := time.NewTicker(p.every)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
		}
		if !p.way.agent() {
			h.doors.RLock()
		}
		began := time.Now()
		err := p.call()
		took := time.Since(began)
		if !p.way.agent() {
			h.doors.RUnlock()
		}
		p.mu.Lock()
		p.calls++
		p.longest = max(p.longest, took)
		if err != nil {
			p.failed = append(p.failed, fmt.Sprintf("%s (after %s) %v", began.Format("15:04:05.000"), took.Round(time.Millisecond), err))
		}
		p.mu.Unlock()
	}
}

// failures are all of all.
func (h *house) failures() (all []string) {
	for _, p := range h.patrons {
		p.mu.Lock()
		for _, text := range p.failed {
			all = append(all, p.String()+": "+text)
		}
		p.mu.Unlock()
	}
	return all
}

// report logs what everybody did.
func (h *house) report() {
	for _, p := range h.patrons {
		p.mu.Lock()
		h.w.t.Logf("%-28s %4d calls with %3d keys, %d failed, the longest took %s", p, p.calls, h.keysUsed(p.user), len(p.failed),
			p.longest.Round(time.Millisecond))
		p.mu.Unlock()
	}
}

// least is the smallest number of keys that a patron has signed with.
func (h *house) least() int {
	var n []int
	for _, p := range h.patrons {
		n = append(n, h.keysUsed(p.user))
	}
	return slices.Min(n)
}

// through waits until everybody has signed with so many keys, or somebody's call has failed.
func (h *house) through(keys int, patience time.Duration) {
	h.w.t.Helper()
	h.w.patiently(patience, fmt.Sprintf("%d keys of everybody", keys), func() string {
		if failed := h.failures(); len(failed) > 0 {
			h.report()
			h.w.t.Fatalf("%d calls failed: %s", len(failed), strings.Join(failed, "\n"))
		}
		if got := h.least(); got < keys {
			return fmt.Sprintf("somebody has used %d keys only", got)
		}
		return ""
	})
}
