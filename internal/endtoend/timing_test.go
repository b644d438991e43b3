package endtoend

import (
	"bufio"
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// A handful by default, to see that the test itself works; `make soak` takes enough to see what an attacker could.
var timingSamples = flag.Int("timing.samples", 400, "requests of each kind whose times are compared")

// The times of two kinds of requests are told apart when one of them is quicker in clearly more than half of all pairs. Chance alone gives
// more than surely once in 10⁹ times; what is less than visible, nobody sees through a network: with a tenth of a microsecond between two
// times that vary by microseconds, it would take years of asking.
const (
	surely  = 6.0  // standard deviations of the rank sum
	visible = 0.02 // of all pairs, beyond a half
)

// TestTiming: who asks with a wrong API key does not learn from the time whether its id exists; nor who may not know a user, whether it does.
// A request that does less shows that a difference would be seen.
func TestTiming(t *testing.T) {
	w := newWorld(t, 60, "listen: 127.0.0.1:0\napi: {trusted_proxies: [127.0.0.0/8], limits: {per_key: 1000000, per_address: 1000000}}\n")
	for i := range 20 {
		w.must(w.sim.People().CreateUser(fmt.Sprintf("hidden-%02d", i), "/service/", nil))
	}
	w.must(w.sim.People().CreateUser("open", "/service/", nil))
	apiKey := func(name, user string) string {
		cmd := exec.Command(binary, "apikey", "create", name, "--scope", "credentials:read,events:read", "--user", user)
		cmd.Dir, cmd.Env = w.dir, w.env
		out, err := cmd.Output()
		w.must(err)
		return strings.TrimSpace(string(out))
	}
	key := apiKey("open", "open")
	address := w.api()

	id, _, _ := strings.Cut(strings.TrimPrefix(key, "keyturn_"), "_")
	other := []byte(id)
	slices.Reverse(other)
	var wrongSecret, wrongID []string
	for range 20 {
		wrongSecret, wrongID = append(wrongSecret, forged(id)), append(wrongID, forged(string(other)))
	}
	ask := func(path, key string) string {
		// Each comes from an address of its own, as its first wrong key; or it would wait for the others.
		return fmt.Sprintf("GET %s HTTP/1.1\r\nHost: %s\r\nX-API-Key: %s\r\nX-Forwarded-For: 10.%d.%d.%d\r\n\r\n", path, address, key, rand.IntN(256),
			rand.IntN(256), rand.IntN(256))
	}
	known := func() string { return ask("/v1/users", wrongSecret[rand.IntN(len(wrongSecret))]) }
	unknown := func() string { return ask("/v1/users", wrongID[rand.IntN(len(wrongID))]) }
	hidden := func() string { return ask(fmt.Sprintf("/v1/credentials/hidden-%02d", rand.IntN(20)), key) }
	absent := func() string { return ask(fmt.Sprintf("/v1/credentials/absent-%02d", rand.IntN(20)), key) }
	open := func() string { return ask("/v1/credentials/open", key) }

	n := *timingSamples
	for _, c := range []struct {
		name   string
		status string
		a, b   func() string
	}{
		{"an id that is unknown and a secret that is wrong", "401", unknown, known},
		{"a user that is hidden and one that is not there", "404", hidden, absent},
	} {
		share, z := w.compare(address, n, c.status, c.status, c.a, c.b)
		t.Logf("%s: the first is slower in %.2f %% of %d pairs, %.1f standard deviations from chance", c.name, 100*share, n, z)
		if math.Abs(z) > surely && math.Abs(share-0.5) > visible {
			t.Errorf("%s can be told apart by the time: the first is slower in %.2f %% of %d pairs, %.1f standard deviations from chance",
				c.name, 100*share, n, z)
		}
	}
	// The control: a credential waits for its record on the disk.
	if share, z := w.compare(address, min(n, 2000), "404", "200", hidden, open); z > -surely || share > 0.5-visible {
		t.Errorf("a difference of a write to the disk is not seen: %.2f %%, %.1f", 100*share, z)
	}
}

// forged is a well-formed API key with this id, which nobody has: the checksum at its end is anybody's to make.
func forged(id string) string {
	const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	text := []byte("keyturn_" + id + "_")
	for range 30 {
		text = append(text, digits[rand.IntN(62)])
	}
	sum := [6]byte{}
	for i, n := 5, crc32.ChecksumIEEE(text); i >= 0; i, n = i-1, n/62 {
		sum[i] = digits[n%62]
	}
	return string(append(text, sum[:]...))
}

// compare sends requests of two kinds over one connection, in random order, and ranks their times: the share of pairs in which the first
// kind is slower, and by how many standard deviations its rank sum is off.
func (w *world) compare(address string, n int, statusA, statusB string, a, b func() string) (share, z float64) {
	w.t.Helper()
	conn, err := net.Dial("tcp", address)
	w.must(err)
	defer func() { _ = conn.Close() }()
	in := bufio.NewReader(conn)
	type sample struct {
		took  time.Duration
		first bool
	}
	var all []sample
	one := func(first bool) {
		text, status := b(), statusB
		if first {
			text, status = a(), statusA
		}
		began := time.Now()
		_, err := io.WriteString(conn, text)
		w.must(err)
		got := w.answer(in)
		took := time.Since(began)
		if got != status {
			w.t.Fatalf("answered %s, want %s, to %q", got, status, text)
		}
		all = append(all, sample{took, first})
	}
	for range 200 { // warm
		one(true)
		one(false)
	}
	all = all[:0]
	for range n {
		first := rand.IntN(2) == 0
		one(first)
		one(!first)
	}
	slices.SortFunc(all, func(x, y sample) int { return cmp.Compare(x.took, y.took) })
	sum := 0.0
	for i := 0; i < len(all); { // equal times share their ranks
		j := i
		for j < len(all) && all[j].took == all[i].took {
			j++
		}
		for k := i; k < j; k++ {
			if all[k].first {
				sum += float64(i+j+1) / 2
			}
		}
		i = j
	}
	m := float64(n)
	u := sum - m*(m+1)/2
	return u / (m * m), (u - m*m/2) / math.Sqrt(m*m*(2*m+1)/12)
}

// answer reads one answer and gives its status.
func (w *world) answer(in *bufio.Reader) (status string) {
	w.t.Helper()
	size := 0
	for first := true; ; first = false {
		text, err := in.ReadString('\n')
		w.must(err)
		text = strings.TrimSpace(text)
		switch name, value, _ := strings.Cut(text, ":"); {
		case first:
			status = strings.Fields(text)[1]
		case text == "":
			_, err := in.Discard(size)
			w.must(err)
			return status
		case strings.EqualFold(name, "Content-Length"):
			_, err := fmt.Sscan(value, &size)
			w.must(err)
		}
	}
}

// api starts a daemon and gives the address of its API once everybody is under care.
func (w *world) api() (address string) {
	w.t.Helper()
	up := filepath.Join(w.dir, "up.json")
	cmd := exec.Command(binary, "serve", "--ready-file", up)
	cmd.Dir, cmd.Env, cmd.Stderr = w.dir, w.env, io.Discard
	w.must(cmd.Start())
	w.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	w.until("the API", func() string {
		var r struct{ Listen string }
		text, err := os.ReadFile(up)
		if err != nil || json.Unmarshal(text, &r) != nil {
			return "no ready file"
		}
		address = r.Listen
		if s := w.sim.Secret(secretName("open")); s == nil || s.Stage("AWSCURRENT") == nil {
			return "no key of the user"
		}
		return ""
	})
	return address
}
