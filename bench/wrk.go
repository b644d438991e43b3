package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// simulatorSpeed: how many requests a second the simulator answers, everything that a test needs of it switched on.
func simulatorSpeed(ctx context.Context, b *bench) ([]row, error) {
	const users, bound = 1000, 30_000
	r := row{what: "Simulator, pre-signed ListAccessKeys, `wrk -t1 -c32`", bound: "≥ 30,000 requests/s", verdict: notRun}
	wrk, err := exec.LookPath("wrk")
	if err != nil {
		r.measured = "wrk is not installed (Debian and Ubuntu: apt-get install wrk)"
		return []row{r}, nil
	}
	s, err := b.world(ctx, world{Users: users, Stored: true, Care: true})
	if err != nil {
		return nil, err
	}
	defer s.stop()
	ceiling, err := b.start(ctx, "plain", struct{}{})
	if err != nil {
		return nil, err
	}
	defer ceiling.stop()
	if err := b.proveSigV4(ctx, s); err != nil {
		return nil, err
	}
	script, err := b.script(ctx, s)
	if err != nil {
		return nil, err
	}
	link, err := s.presigned(ctx)
	if err != nil {
		return nil, err
	}
	rates, note, err := quiet([]*exec.Cmd{s.cmd, ceiling.cmd}, func() (r [3]float64, err error) {
		for i, args := range [][]string{{"-s", script, s.Endpoint}, {link}, {"-s", script, ceiling.Endpoint}} {
			if r[i], err = load(ctx, wrk, args...); err != nil {
				return r, err
			}
		}
		return r, nil
	})
	if err != nil {
		return nil, err
	}
	var posts, gets, plains []float64
	for _, r := range rates {
		posts, gets, plains = append(posts, r[0]), append(gets, r[1]), append(plains, r[2])
	}
	if err := b.proveRules(ctx, s); err != nil {
		return nil, err
	}
	r.measured = fmt.Sprintf("%s/s (median of %s)", thousands(median(posts)), list(posts))
	r.verdict = judge(median(posts) >= bound)
	r.beside = fmt.Sprintf("the same answer from net/http without looking at the request: %s/s", thousands(median(plains)))
	r.note = fmt.Sprintf("wrk and the simulator share the machine. Signed in the headers, as SDKs do; presigned in the URL: %s/s. SigV4, "+
		"fault hook, request rates and safety rules are on, over 1,000 users.", thousands(median(gets))) + note
	return []row{r}, nil
}

// form is the body of the request.
var form = "Action=ListAccessKeys&UserName=" + userName(0) + "&Version=2010-05-08"

// script makes wrk send one request that was signed beforehand; it is good for five minutes.
func (b *bench) script(ctx context.Context, s *sim) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.Endpoint+"/", strings.NewReader(form))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	sum := sha256.Sum256([]byte(form))
	err = v4.NewSigner().SignHTTP(ctx, aws.Credentials{AccessKeyID: s.KeyID, SecretAccessKey: s.Secret}, req,
		hex.EncodeToString(sum[:]), "iam", region, time.Now())
	if err != nil {
		return "", err
	}
	text := fmt.Sprintf("wrk.method = \"POST\"\nwrk.body = %q\n", form)
	for name := range req.Header {
		text += fmt.Sprintf("wrk.headers[%q] = %q\n", name, req.Header.Get(name))
	}
	path := filepath.Join(b.dir, "request.lua")
	return path, os.WriteFile(path, []byte(text), 0o600)
}

// presigned is the same request as a URL that anyone may follow for an hour.
func (s *sim) presigned(ctx context.Context) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Endpoint+"/?"+form+"&X-Amz-Expires=3600", nil)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(nil)
	link, _, err := v4.NewSigner().PresignHTTP(ctx, aws.Credentials{AccessKeyID: s.KeyID, SecretAccessKey: s.Secret}, req,
		hex.EncodeToString(sum[:]), "iam", region, time.Now())
	return link, err
}

var perSecond = regexp.MustCompile(`Requests/sec:\s*([0-9.]+)`)

// load runs wrk for a while; an answer that is no success makes the measurement worthless.
func load(ctx context.Context, wrk string, args ...string) (float64, error) {
	out, err := exec.CommandContext(ctx, wrk, append([]string{"-t1", "-c32", "-d4s"}, args...)...).CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("wrk: %w: %s", err, out)
	}
	m := perSecond.FindSubmatch(out)
	if m == nil || strings.Contains(string(out), "Non-2xx") || strings.Contains(string(out), "Socket errors") {
		return 0, fmt.Errorf("wrk did not get good answers only: %s", out)
	}
	return strconv.ParseFloat(string(m[1]), 64)
}

// plain answers every request with the same bytes: what net/http alone can do on this machine.
func plain(context.Context, string) error {
	answer := []byte(`<ListAccessKeysResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/">` + strings.Repeat("x", 400) + `</ListAccessKeysResponse>`)
	url, err := listen(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/xml")
		_, _ = w.Write(answer) // whoever went away needs no answer
	}))
	if err != nil {
		return err
	}
	if err := json.NewEncoder(os.Stdout).Encode(ready{Endpoint: url}); err != nil {
		return err
	}
	return untilLeft()
}

func thousands(f float64) string {
	s := strconv.Itoa(int(f))
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func list(all []float64) string {
	var out []string
	for _, f := range slices.Clone(all) {
		out = append(out, thousands(f))
	}
	return strings.Join(out, "; ")
}
