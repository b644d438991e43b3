package endtoend

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// The users of the demo that live by the default schedule.
const plainUsers = "ci-deploy,billing-export,metrics-push,mail-relay,image-resize,search-index,backup-nightly"

// An observer that knows nothing of keyturn watches the demo's simulated AWS by boto3: keys are deactivated and deleted at their ages
// and never before, and AWSCURRENT always holds an Active key that signs.
func TestObserver(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		speed  float64
		cycles int
		watch  time.Duration
	}{
		{60, 5, 80 * time.Second},
		{10, 1, 155 * time.Second},
	} {
		t.Run(fmt.Sprint("speed ", c.speed), func(t *testing.T) {
			t.Parallel()
			observe(t, c.speed, c.cycles, c.watch)
		})
	}
}

// python is an interpreter that has boto3: the one beside moto, or the one on the path.
func python(t *testing.T) string {
	t.Helper()
	candidates := []string{"python3"}
	if moto := os.Getenv("KEYTURN_MOTO_SERVER"); moto != "" {
		candidates = append([]string{filepath.Join(filepath.Dir(moto), "python3")}, candidates...)
	}
	for _, python := range candidates {
		if exec.Command(python, "-c", "import boto3").Run() == nil {
			return python
		}
	}
	if os.Getenv("CI") != "" {
		t.Fatal("no Python with boto3 is here: `make tools` sets one up")
	}
	t.Skip("NOT RUN: the outside observer: no Python with boto3 is here; `make tools` sets one up")
	return ""
}

func observe(t *testing.T, speed float64, cycles int, watch time.Duration) {
	interpreter := python(t)
	dir := t.TempDir()
	ready := filepath.Join(dir, "ready.json")
	show := exec.Command(binary, "demo", "--speed", fmt.Sprint(speed), "--ready-file", ready)
	var said bytes.Buffer
	show.Stdout, show.Stderr, show.Env = &said, &said, []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir}
	if err := show.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = show.Wait(); close(ended) }()
	defer func() {
		_ = show.Process.Signal(os.Interrupt)
		<-ended
	}()
	var aws struct {
		Endpoint string `json:"aws_endpoint"`
		KeyID    string `json:"aws_access_key_id"`
		Secret   string `json:"aws_secret_access_key"`
	}
	w := &world{t: t}
	w.until("the demo's ready file", func() string {
		text, err := os.ReadFile(ready)
		if err == nil {
			err = json.Unmarshal(text, &aws)
		}
		if err != nil {
			return err.Error()
		}
		return ""
	})
	ages := func(d time.Duration) string { return fmt.Sprint(d.Seconds() / speed) }
	observer := exec.Command(interpreter, "testdata/observe.py", fmt.Sprint(watch.Seconds()), "/demo/", ages(deactivateAfter), ages(deleteAfter),
		plainUsers)
	observer.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "AWS_ENDPOINT_URL=" + aws.Endpoint, "AWS_DEFAULT_REGION=" + region,
		"AWS_ACCESS_KEY_ID=" + aws.KeyID, "AWS_SECRET_ACCESS_KEY=" + aws.Secret, "AWS_EC2_METADATA_DISABLED=true"}
	var complaints bytes.Buffer
	observer.Stderr = &complaints
	out, err := observer.Output()
	if err != nil {
		t.Fatalf("the observer: %v\n%s\nthe demo said:\n%s", err, complaints.String(), tail(said.String(), 20))
	}
	var saw struct {
		Users, Signed, Cycles int
		Deactivated, Deleted  []float64
		Wrong                 []string
	}
	if err := json.Unmarshal(out, &saw); err != nil {
		t.Fatalf("the observer printed %s: %v", out, err)
	}
	for _, what := range saw.Wrong {
		t.Error(what)
	}
	if saw.Cycles < cycles {
		t.Errorf("the observer saw %d whole lives of keys of each user, and %d were to be seen: %s", saw.Cycles, cycles, out)
	}
	if len(saw.Deactivated) > 0 && len(saw.Deleted) > 0 {
		t.Logf("%d users, %d keys deactivated at ages of %.1f to %.1f s, %d deleted at %.1f to %.1f s; AWSCURRENT signed %d times", saw.Users,
			len(saw.Deactivated), saw.Deactivated[0], saw.Deactivated[len(saw.Deactivated)-1], len(saw.Deleted), saw.Deleted[0],
			saw.Deleted[len(saw.Deleted)-1], saw.Signed)
	}
}
