package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// keyturn is the real binary with a configuration and a database of its own.
type keyturn struct {
	binary, folder, database string
	env                      []string
}

// lifted takes every bound off keyturn's own pace.
const lifted = "pace: {iam: 0, sts: 0, secret_writes: 0, secret_tags: 0, secret_reads: 0}\n"

// install makes a folder for a configuration and a database.
func (b *bench) install(s *sim, more string) (*keyturn, error) {
	b.folders++
	folder := filepath.Join(b.dir, fmt.Sprint(b.folders))
	if err := os.Mkdir(folder, 0o700); err != nil {
		return nil, err
	}
	k := &keyturn{
		binary: b.binary, folder: folder, database: filepath.Join(folder, "keyturn.db"),
		env: []string{
			"PATH=" + os.Getenv("PATH"), "HOME=" + folder, "AWS_EC2_METADATA_DISABLED=true", "AWS_ENDPOINT_URL=" + s.Endpoint,
			"AWS_ACCESS_KEY_ID=" + s.KeyID, "AWS_SECRET_ACCESS_KEY=" + s.Secret,
		},
	}
	return k, k.configure(more)
}

// configure writes the configuration: every default, but for the lines of more.
func (k *keyturn) configure(more string) error {
	text := "region: " + region + "\nusers:\n  include: [{tag: \"keyturn:managed=true\"}]\n" + more
	return os.WriteFile(filepath.Join(k.folder, "keyturn.yaml"), []byte(text), 0o600)
}

// pass is what one `keyturn run` did and took, as a whole process.
type pass struct {
	Users, Rotated, Deactivated, Deleted, Waiting, Held, Blocked, Failed int

	AWSCalls  int64 `json:"aws_calls"`
	wall, cpu time.Duration
	due       time.Time // when all users have something due again
}

// run makes one pass.
func (k *keyturn) run(ctx context.Context) (pass, error) {
	cmd := exec.CommandContext(ctx, k.binary, "run", "--json")
	cmd.Dir, cmd.Env = k.folder, k.env
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	began := time.Now()
	err := cmd.Run()
	p := pass{wall: time.Since(began)}
	if cmd.ProcessState != nil {
		p.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	trouble := ""
	for _, line := range lines {
		var l struct {
			Summary *pass
			Recheck *time.Time
			User    string
			Error   string
		}
		l.Summary = &p
		if e := json.Unmarshal([]byte(line), &l); e != nil && err == nil {
			err = fmt.Errorf("its output is not JSON: %w", e)
		}
		if l.Recheck != nil && l.Recheck.After(p.due) {
			p.due = *l.Recheck
		}
		if l.Error != "" && trouble == "" {
			trouble = "; " + l.User + ": " + l.Error
		}
	}
	if err != nil {
		return p, fmt.Errorf("keyturn run: %w: %s%s", err, strings.TrimSpace(complaints.String()), trouble)
	}
	return p, nil
}

// expect makes a pass that must rotate, deactivate and delete so many keys, without trouble.
func (k *keyturn) expect(ctx context.Context, rotated, deactivated, deleted int) (pass, error) {
	p, err := k.run(ctx)
	if err == nil && (p.Rotated != rotated || p.Deactivated != deactivated || p.Deleted != deleted ||
		p.Waiting+p.Held+p.Blocked+p.Failed > 0) {
		err = fmt.Errorf("keyturn run did something else than was due (%d rotations, %d deactivations, %d deletions): %+v",
			rotated, deactivated, deleted, p)
	}
	return p, err
}
