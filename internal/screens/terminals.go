package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// terminals are tmux's, of a server of our own.
type terminals struct {
	socket, folder string
	count          int
}

func (t *terminals) close() { _ = exec.Command("tmux", "-S", t.socket, "kill-server").Run() } // ours, and nobody else's

func (t *terminals) tmux(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "tmux", append([]string{"-S", t.socket, "-u", "-f", os.DevNull}, args...)...)
	cmd.Dir = t.folder
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("tmux %s: %w: %s", args[0], err, out)
	}
	return string(out), nil
}

// open starts a command in a terminal of its own.
func (t *terminals) open(ctx context.Context, size [2]int, env []string, command string) (string, error) {
	if t.count++; t.count == 1 { // the server ends with its last session
		if _, err := t.tmux(ctx, "new-session", "-d", "-s", "base", "sleep", "3600"); err != nil {
			return "", err
		}
	}
	name := "screen" + strconv.Itoa(t.count)
	args := []string{"new-session", "-d", "-s", name, "-x", strconv.Itoa(size[0]), "-y", strconv.Itoa(size[1])}
	for _, e := range env {
		args = append(args, "-e", e)
	}
	_, err := t.tmux(ctx, append(args, "sh", "-c", command)...)
	return name, err
}

func (t *terminals) end(ctx context.Context, name string) {
	_, _ = t.tmux(ctx, "kill-session", "-t", name)
}

// shot says what to capture.
type shot struct {
	size           [2]int
	env            []string
	path           string // where keyturn is
	command, until string
	keys           []string
	lines          bool
}

// shot runs a command in a terminal, types keys, and captures the screen once a text stands on it.
func (t *terminals) shot(ctx context.Context, s shot) (string, error) {
	command := "exec " + s.command
	if s.lines { // as somebody would type it
		command = fmt.Sprintf("PATH=%s:$PATH; echo '$ %s'; %s; printf '$ '; sleep 60", s.path, s.command, s.command)
	}
	name, err := t.open(ctx, s.size, s.env, command)
	if err != nil {
		return "", err
	}
	defer t.end(ctx, name)
	if !s.lines {
		if _, err := t.await(ctx, name, "UTC"); err != nil {
			return "", err
		}
		for _, k := range s.keys {
			if _, err := t.tmux(ctx, "send-keys", "-t", name, k); err != nil {
				return "", err
			}
			if err := sleep(ctx, 400*time.Millisecond); err != nil {
				return "", err
			}
		}
		if err := sleep(ctx, 1500*time.Millisecond); err != nil {
			return "", err
		}
	}
	return t.await(ctx, name, s.until)
}

// await captures the screen until a text stands on it.
func (t *terminals) await(ctx context.Context, name, until string) (string, error) {
	text := ""
	for range 150 {
		var err error
		if text, err = t.tmux(ctx, "capture-pane", "-p", "-t", name); err != nil {
			return "", err
		}
		if strings.Contains(text, until) {
			text = strings.TrimSuffix(strings.TrimRight(text, "\n $"), "\n")
			return text + "\n", nil
		}
		if err := sleep(ctx, 100*time.Millisecond); err != nil {
			return "", err
		}
	}
	return "", fmt.Errorf("%q never came; this did:\n%s", until, text)
}
