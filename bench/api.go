package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/keyturn/keyturn/internal/store"
)

// What is asked of the REST API while its daemon rotates.
const (
	apiKeys  = 100
	apiBurst = 8 * time.Second

	apiShare                           = 0.6
	apiLate                            = 10 * time.Millisecond
	exportTime, exportMiB, apiGrowth   = 2 * time.Second, 50.0, 1.1
	apiLimits                          = "limits: {per_key: 100000, per_address: 1000000}"
	credentialsRoute, exportCredential = "/v1/credentials/", "/v1/credentials"

	// roomy has what runs beside the daemon collect garbage as seldom as the daemon does while it serves credentials. On two cores everybody
	// waits for whoever collects: with Go's default the simulator alone made the latest answer of a hundred half as late again, of the bare
	// handler as well.
	roomy = "GOGC=600"
)

var (
	// apiWatch is for how long latency and memory are watched.
	apiWatch = 10 * time.Minute
	// apiOnboard is within what time the users come under care: one period, so that from then on rotations are spread evenly.
	apiOnboard = 10 * time.Minute
	// apiUsers are under care and read at random; apiPace requests a second are sent for as long as memory is watched, and apiBound are to be
	// answered at full speed.
	apiUsers, apiPace, apiBound = fleetUsers, 10_000, 30_000
)

// scaleAPI measures with a share of everything that a machine's speed bounds: what a slow machine does with that, one that is as much
// faster does with all of it. Latency, memory and times keep their bounds.
func scaleAPI(share float64) {
	of := func(n int) int { return int(share*float64(n) + 0.5) }
	apiUsers, apiPace, apiBound = of(apiUsers), of(apiPace), of(apiBound)
}

// credentialsAPI: reads of credentials beside a handler that does nothing but record, and the export.
func credentialsAPI(ctx context.Context, b *bench) ([]row, error) {
	wrk, err := exec.LookPath("wrk")
	if err != nil {
		return []row{{what: "reads of credentials, `wrk -t1 -c128`", bound: fmt.Sprintf("≥ %s requests/s", thousands(float64(apiBound))), verdict: notRun,
			measured: "wrk is not installed (Debian and Ubuntu: apt-get install wrk)"}}, nil
	}
	s, err := b.world(ctx, world{Users: apiUsers, Care: true}, roomy)
	if err != nil {
		return nil, err
	}
	defer s.stop()
	a, err := b.serveAPI(ctx, s)
	if err != nil {
		return nil, err
	}
	defer a.end()
	bare, err := b.bare(ctx, a)
	if err != nil {
		return nil, err
	}
	defer bare.stop()
	ours := []*exec.Cmd{s.cmd, a.cmd, bare.cmd}
	var rows []row
	for _, measure := range []func() ([]row, error){
		func() ([]row, error) { return b.fullSpeed(ctx, wrk, a, bare, ours) },
		func() ([]row, error) { return b.steadyPace(ctx, a, bare, ours) },
		func() ([]row, error) { return b.export(ctx, a) },
	} {
		got, err := measure()
		rows = append(rows, got...)
		if err != nil {
			return rows, err
		}
	}
	return rows, b.proveAPI(ctx, s, a)
}

// servedAPI is the daemon with its API.
type servedAPI struct {
	*serving
	k        *keyturn
	url      string
	readers  clients
	exporter string // an API key
	answers  int64  // that were given
}

// serveAPI starts the daemon, makes API keys, and waits until every user's credential can be read.
func (b *bench) serveAPI(ctx context.Context, s *sim) (*servedAPI, error) {
	const api = "listen: 127.0.0.1:0\napi: {export: true, " + apiLimits + "}\n"
	perSecond := int(float64(apiUsers)/apiOnboard.Seconds()) + 1
	k, err := b.install(s, fmt.Sprintf("pace: {iam: 0, sts: 0, secret_writes: %d, secret_tags: 0, secret_reads: 0}\n", perSecond)+api)
	if err != nil {
		return nil, err
	}
	a := &servedAPI{k: k}
	for i := range apiKeys {
		key, err := k.apiKey(ctx, fmt.Sprintf("reader-%d", i), "credentials:read")
		if err != nil {
			return nil, err
		}
		a.readers.Keys = append(a.readers.Keys, key)
	}
	if a.exporter, err = k.apiKey(ctx, "exporter", "credentials:export,credentials:read"); err != nil {
		return nil, err
	}
	if a.serving, err = k.serve("--ready-file", filepath.Join(k.folder, "ready.json")); err != nil {
		return nil, err
	}
	if err = a.await(ctx); err == nil {
		err = k.configure(lifted + api) // the daemon sees it within seconds
	}
	if err != nil {
		a.end()
		return nil, err
	}
	return a, nil
}

// await waits until the API answers for everybody.
func (a *servedAPI) await(ctx context.Context) error {
	last := errors.New("no user was asked for")
	for began := time.Now(); time.Since(began) < 2*apiOnboard+time.Minute; {
		if err := wait(ctx, 2*time.Second); err != nil {
			return err
		}
		var r struct {
			APIURL string `json:"api_url"`
		}
		if text, err := os.ReadFile(filepath.Join(a.k.folder, "ready.json")); err != nil || json.Unmarshal(text, &r) != nil || r.APIURL == "" {
			continue
		}
		a.url = strings.TrimSuffix(r.APIURL, "/")
		a.readers.Address, a.readers.Users = strings.TrimPrefix(a.url, "http://"), apiUsers
		last = nil
		for i := apiUsers - 1; i >= 0; i-- { // the last ones come last
			if _, last = a.get(ctx, a.readers.Keys[i%apiKeys], credentialsRoute+userName(i)); last != nil {
				break
			}
			a.answers++
		}
		if last == nil {
			return nil
		}
	}
	text, _ := os.ReadFile(a.log)
	return fmt.Errorf("the API does not answer for every user after %s: %w; %s", 2*apiOnboard+time.Minute, last, lastLines(string(text), 3))
}

func (a *servedAPI) get(ctx context.Context, key, path string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.url+path, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("X-API-Key", key)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answered %s: %s", path, resp.Status, text[:min(len(text), 200)])
	}
	return text, err
}

// end stops the daemon, whatever state it is in.
func (a *servedAPI) end() {
	_ = a.cmd.Process.Kill()
	_ = a.cmd.Wait() // says that it was killed
}

// apiKey makes an API key for every user.
func (k *keyturn) apiKey(ctx context.Context, name, scopes string) (string, error) {
	cmd := exec.CommandContext(ctx, k.binary, "apikey", "create", name, "--scope", scopes, "--user", "*")
	cmd.Dir, cmd.Env = k.folder, k.env
	out, err := cmd.Output()
	if err != nil {
		var failed *exec.ExitError
		if errors.As(err, &failed) {
			err = fmt.Errorf("%w: %s", err, failed.Stderr)
		}
		return "", fmt.Errorf("keyturn apikey create: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// bare starts the handler to compare with; it answers as many bytes as keyturn does.
func (b *bench) bare(ctx context.Context, a *servedAPI) (*sim, error) {
	answer, err := a.get(ctx, a.readers.Keys[0], credentialsRoute+userName(0))
	if err != nil {
		return nil, err
	}
	a.answers++
	b.folders++
	folder := filepath.Join(b.dir, fmt.Sprint(b.folders))
	if err := os.Mkdir(folder, 0o700); err != nil {
		return nil, err
	}
	return b.start(ctx, "barehandler", bareAPI{Database: filepath.Join(folder, "keyturn.db"), Answer: answer}, roomy)
}

// fullSpeed measures both in turn, so that whatever else goes on disturbs them alike.
func (b *bench) fullSpeed(ctx context.Context, wrk string, a *servedAPI, bare *sim, ours []*exec.Cmd) ([]row, error) {
	other := a.readers.of(bare)
	type pair struct {
		api, bare       wrkRun
		apiCPU, bareCPU time.Duration
	}
	all, note, err := quiet(ours, func() (p pair, err error) {
		p.bareCPU = -processTime(bare.cmd.Process.Pid)
		if p.bare, err = other.full(ctx, b, wrk, apiBurst); err != nil {
			return p, err
		}
		p.bareCPU += processTime(bare.cmd.Process.Pid)
		p.apiCPU = -a.cpu()
		p.api, err = a.readers.full(ctx, b, wrk, apiBurst)
		p.apiCPU += a.cpu()
		a.answers += p.api.answers
		return p, err
	})
	if err != nil {
		return nil, err
	}
	var apis, bares, shares []float64
	for _, p := range all {
		apis, bares = append(apis, p.api.perSecond), append(bares, p.bare.perSecond)
		shares = append(shares, p.api.perSecond/p.bare.perSecond)
	}
	each := func(cpu time.Duration, w wrkRun) float64 { return 1e6 * cpu.Seconds() / float64(w.answers) }
	beside := fmt.Sprintf("a bare std handler with the same record of each read: %s/s (median of %s)", thousands(median(bares)), list(bares))
	return []row{{
		what:     fmt.Sprintf("`GET /v1/credentials/{user}`, `wrk -t1 -c128`, %s users and %d API keys at random", thousands(float64(apiUsers)), apiKeys),
		measured: fmt.Sprintf("%s/s (median of %s)", thousands(median(apis)), list(apis)),
		bound:    fmt.Sprintf("≥ %s requests/s", thousands(float64(apiBound))), verdict: judge(median(apis) >= float64(apiBound)), beside: beside,
		note: fmt.Sprintf("wrk, the simulator and keyturn share the machine. Limits are on, every read is recorded before it is answered "+
			"(SQLite, synchronous=FULL), and the daemon rotates all users every ten minutes meanwhile. Half of the answers came within %s, 99 %% "+
			"within %s. CPU of an answer: %.0f µs, rotations included; of the bare handler's: %.0f µs.", all[0].api.p50, all[0].api.p99,
			each(all[0].apiCPU, all[0].api), each(all[0].bareCPU, all[0].bare)) + note,
	}, {
		what: "of what the bare handler does", measured: fmt.Sprintf("%.0f %%", 100*median(shares)), bound: "≥ 60 %", verdict: judge(median(shares) >= apiShare),
	}}, nil
}

// steadyPace watches latency and memory at a constant rate, and before that the bare handler's latency.
func (b *bench) steadyPace(ctx context.Context, a *servedAPI, bare *sim, ours []*exec.Cmd) ([]row, error) {
	p := pace{clients: a.readers.of(bare), PerSecond: apiPace, Connections: 128, For: apiWatch / 10}
	beside, err := b.steadily(ctx, p)
	if err != nil {
		return nil, err
	}
	p.clients, p.For = a.readers, apiWatch/5
	warm, err := b.steadily(ctx, p)
	if err != nil {
		return nil, err
	}
	before := a.memoryMiB()
	p.For = apiWatch - p.For
	others := noise(ours)
	r, err := b.steadily(ctx, p)
	if err != nil {
		return nil, err
	}
	share, after := others(), a.memoryMiB()
	a.answers += warm.Answers + r.Answers
	return []row{{
		what:     fmt.Sprintf("latency at %s requests a second, p99", thousands(float64(apiPace))),
		measured: r.String(), bound: "≤ 10 ms", verdict: judge(r.P99 <= apiLate && r.rate() > 0.98*float64(apiPace)),
		beside: "the bare handler: " + beside.String(),
		note: "At a constant rate, as wrk2 does: what a request waits for a busy server before it is sent counts. Over 128 connections, for " +
			fmt.Sprint(p.For) + ", with rotations. The bare handler before that, for " + fmt.Sprint(apiWatch/10) + "." + noisy(share),
	}, {
		what: fmt.Sprintf("memory after %s of that", apiWatch), measured: fmt.Sprintf("%.0f MiB; %.0f MiB after the first fifth", after, before),
		bound: "flat: no more than a tenth above", verdict: judge(after <= apiGrowth*before),
	}}, nil
}

// export reads everybody's credential in one answer.
func (b *bench) export(ctx context.Context, a *servedAPI) ([]row, error) {
	before := a.memoryMiB()
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", a.cmd.Process.Pid), []byte("5"), 0); err != nil {
		return nil, fmt.Errorf("resetting the peak of memory: %w", err)
	}
	began := time.Now()
	text, err := a.get(ctx, a.exporter, exportCredential)
	if err != nil {
		return nil, err
	}
	took, more := time.Since(began), a.peakMiB()-before
	if n := strings.Count(string(text), "access_key_id"); n < apiUsers {
		return nil, fmt.Errorf("the export holds %d users", n)
	}
	a.answers += int64(apiUsers)
	return []row{{
		what: fmt.Sprintf("export of %s users", thousands(float64(apiUsers))), measured: fmt.Sprintf("%.2f s", took.Seconds()), bound: "≤ 2 s", verdict: judge(took <= exportTime),
		note: fmt.Sprintf("%d kB of JSON; every credential in it is on record.", len(text)>>10),
	}, {
		what: "memory that it takes", measured: fmt.Sprintf("%.0f MiB more", max(0, more)), bound: "≤ 50 MiB more", verdict: judge(more <= exportMiB),
	}}, nil
}

// proveAPI: every answer is on record, keys were rotated meanwhile, and limits are counted.
func (b *bench) proveAPI(ctx context.Context, s *sim, a *servedAPI) error {
	r, err := s.report(ctx)
	if err != nil {
		return err
	}
	if err := b.prove("rotations beside the API", r.UserCalls["CreateAccessKey"] > 0 && len(r.Violations) == 0,
		"%d keys made and %d promotions meanwhile, %d violations seen by the simulator%s", r.UserCalls["CreateAccessKey"],
		r.UserCalls["UpdateSecretVersionStage"], len(r.Violations), first(r.Violations)); err != nil {
		return err
	}
	if err := a.stop(); err != nil {
		return err
	}
	h, err := store.ExamineAccesses(ctx, a.k.database)
	if err != nil {
		return err
	}
	return b.prove("record of every read", h.Accesses >= a.answers, "%s reads answered, %s on record", thousands(float64(a.answers)),
		thousands(float64(h.Accesses)))
}
