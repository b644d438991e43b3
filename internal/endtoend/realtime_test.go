//go:build soak

package endtoend

import (
	"encoding/json"
	"net"
	"strings"
	"testing"
	"time"
)

// TestConsumersInRealTime: the default schedule of 10, 12 and 15 minutes, at the speed of life, through two rotations of each user. No call
// fails, and the SDKs for Go and JavaScript, which renew a key five minutes before its end, ask keyturn for fewer than half of their calls.
func TestConsumersInRealTime(t *testing.T) {
	k := newKit(t)
	const rotations = 2
	w := newWorld(t, 1, "")
	h := &house{w: w, used: map[string]map[string]int{}}
	w.watch = h.watch
	ways := map[string][]way{clientGo: {container, process, agentContainer}, clientJS: {container, process, agentContainer},
		clientPython: {container, process, agentProcess}, clientCLI: {container, agentProcess}}
	for _, client := range clients {
		for _, by := range ways[client] {
			w.enter(h.nameOf(client, by))
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	w.must(err)
	w.listen = l.Addr().String()
	w.must(l.Close())
	w.start("daemon").serving()
	h.api = "http://" + w.listen
	for _, user := range w.users {
		w.until("the first key of "+user, func() string {
			if s := w.sim.Secret(secretName(user)); s == nil || s.Stage("AWSCURRENT") == nil {
				return "no current version"
			}
			return ""
		})
	}
	h.keyFiles()
	h.startAgent()
	for _, client := range clients {
		for _, by := range ways[client] {
			h.invite(k, client, by, 10*time.Second)
		}
	}
	end := h.begin()
	h.through(rotations+1, time.Hour)
	pause(3 * time.Minute) // and beyond the last deactivation
	end()
	h.report()
	for _, text := range h.failures() {
		t.Error(text)
	}
	fetched := h.fetches()
	for _, p := range h.patrons {
		calls := h.callsSigned(p.user)
		t.Logf("%-28s %4d calls, %4d fetches", p, calls, fetched[p.user])
		if (p.client == clientGo || p.client == clientJS) && !p.way.agent() && 2*fetched[p.user] >= calls {
			t.Errorf("%s asked keyturn %d times for %d calls, which is not fewer than half", p, fetched[p.user], calls)
		}
	}
}

// fetches counts, by keyturn's own records, how often each user's credentials were read.
func (h *house) fetches() map[string]int {
	counts := map[string]int{}
	for line := range strings.Lines(h.w.keyturn("accesses", "--last", "100000", "--json")) {
		var a struct {
			User string `json:"user"`
		}
		if err := json.Unmarshal([]byte(line), &a); err != nil {
			h.w.t.Fatalf("keyturn accesses printed %s: %v", line, err)
		}
		counts[a.User[strings.LastIndexAny(a.User, ":/")+1:]]++
	}
	return counts
}
