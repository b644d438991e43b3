package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

const region = "us-east-1"

// sim is the simulator's process, seen from outside.
type sim struct {
	ready
	settings
	cmd  *exec.Cmd
	quit io.Closer // its standard input
}

// start runs this program in a role that serves, and waits for its first line. What env names is set for it besides.
func (b *bench) start(ctx context.Context, role string, arg any, env ...string) (*sim, error) {
	s := &sim{}
	text, err := json.Marshal(arg)
	if err != nil {
		return nil, err
	}
	s.cmd = exec.CommandContext(ctx, b.self, role, string(text))
	s.cmd.Env, s.cmd.Stderr = append(os.Environ(), env...), os.Stderr
	if s.quit, err = s.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the %s: %w", role, err)
	}
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &s.ready)
	}
	if err != nil {
		s.stop()
		return nil, fmt.Errorf("waiting for the %s: %w", role, err)
	}
	return s, nil
}

// world starts a simulator.
func (b *bench) world(ctx context.Context, w world, env ...string) (*sim, error) {
	s, err := b.start(ctx, "simulator", w, env...)
	if err == nil {
		s.Offset = w.Offset
	}
	return s, err
}

func (s *sim) stop() {
	_ = s.quit.Close()
	_ = s.cmd.Wait() // it ends with its input
}

// set moves the simulator's clock and says how long it thinks about each call.
func (s *sim) set(ctx context.Context, offset, delay time.Duration) error {
	s.settings = settings{offset, delay}
	text, err := json.Marshal(s.settings)
	if err != nil {
		return err
	}
	return s.control(ctx, http.MethodPost, "/set", text, nil)
}

// advance sets the simulator's clock to just after a time.
func (s *sim) advance(ctx context.Context, to time.Time) error {
	return s.set(ctx, time.Until(to)+time.Second, s.Delay)
}

func (s *sim) reset(ctx context.Context) error {
	return s.control(ctx, http.MethodPost, "/reset", nil, nil)
}

func (s *sim) report(ctx context.Context) (r report, err error) {
	return r, s.control(ctx, http.MethodGet, "/report", nil, &r)
}

func (s *sim) control(ctx context.Context, method, path string, body []byte, out any) error {
	req, err := http.NewRequestWithContext(ctx, method, s.Control+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("asking the simulator: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("asking the simulator: %s answered %s", path, resp.Status)
	}
	if out == nil {
		return nil
	}
	return json.NewDecoder(resp.Body).Decode(out)
}

// aws is the SDK's plain configuration for this simulator, with connections enough for so many callers at once.
func (r ready) aws(concurrency int) aws.Config {
	return aws.Config{
		Region: region, BaseEndpoint: aws.String(r.Endpoint),
		Credentials: credentials.NewStaticCredentialsProvider(r.KeyID, r.Secret, ""),
		HTTPClient: awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
			t.MaxIdleConnsPerHost, t.MaxIdleConns, t.Proxy = 2*concurrency, 8*concurrency, nil
		}),
	}
}

// shifted signs with a wrong clock.
type shifted struct {
	signer interface {
		SignHTTP(context.Context, aws.Credentials, *http.Request, string, string, string, time.Time, ...func(*v4.SignerOptions)) error
	}
	by time.Duration
}

// SignHTTP is what the SDK calls.
func (s shifted) SignHTTP(ctx context.Context, c aws.Credentials, r *http.Request, hash, service, region string, at time.Time,
	opts ...func(*v4.SignerOptions),
) error {
	return s.signer.SignHTTP(ctx, c, r, hash, service, region, at.Add(s.by), opts...)
}
