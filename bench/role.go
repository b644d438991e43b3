package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"time"
)

func jobOf(arg string) (j job, err error) { return j, json.Unmarshal([]byte(arg), &j) }

// work runs this program in a role that ends by itself, and says what it took as a whole process.
func (b *bench) work(ctx context.Context, role string, j job) (wall, cpu time.Duration, err error) {
	text, err := json.Marshal(j)
	if err != nil {
		return 0, 0, err
	}
	cmd := exec.CommandContext(ctx, b.self, role, string(text))
	cmd.Stderr = os.Stderr
	began := time.Now()
	if err := cmd.Run(); err != nil {
		return 0, 0, fmt.Errorf("the bare program (%s): %w", role, err)
	}
	return time.Since(began), cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), nil
}
