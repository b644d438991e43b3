// Command screens captures what keyturn shows on terminals: `keyturn top`, `status`, `plan` and `scan` of a fleet in a simulated AWS, from tmux
// at 80x24 and 160x50, into docs/screens; and the demo as a small film, docs/demo.svg. Run it with `make screens` and look at the result.
//
// It needs tmux. The fleet's 200 days are played in seconds, on the simulated AWS's clock: a pass of `keyturn run` every few days.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"time"
)

func main() {
	keyturn := flag.String("keyturn", "bin/keyturn", "the program")
	film := flag.Bool("film", true, "record the demo as well, which takes half a minute")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *keyturn, *film); err != nil {
		fmt.Fprintln(os.Stderr, "screens:", err)
		stop()
		os.Exit(1)
	}
}

// sizes are the terminals.
var sizes = [][2]int{{80, 24}, {160, 50}}

func run(ctx context.Context, keyturn string, film bool) error {
	if _, err := exec.LookPath("tmux"); err != nil {
		return errors.New("tmux is needed (apt-get install tmux)")
	}
	keyturn, err := filepath.Abs(keyturn)
	if err != nil {
		return err
	}
	if _, err := os.Stat(keyturn); err != nil {
		return fmt.Errorf("%w; `make build` makes it", err)
	}
	folder, err := os.MkdirTemp("", "keyturn-screens-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	t := &terminals{socket: filepath.Join(folder, "tmux"), folder: folder}
	defer t.close()
	if err := os.MkdirAll("docs/screens", 0o755); err != nil {
		return err
	}
	if err := fleet(ctx, t, keyturn, folder); err != nil || !film {
		return err
	}
	return record(ctx, t, keyturn, "docs/demo.svg")
}

// fleet plays the account's history, starts the daemon, and captures the screens.
func fleet(ctx context.Context, t *terminals, keyturn, folder string) error {
	a, err := openAccount(keyturn, folder)
	if err != nil {
		return err
	}
	defer a.close()
	if err := a.play(ctx); err != nil {
		return err
	}
	end, err := a.serve(ctx)
	if err != nil {
		return err
	}
	defer end()
	shots := []struct {
		name, command, until string
		keys                 []string
		lines                bool // not a whole screen: blank lines at the end are left out
	}{
		{name: "top", command: keyturn + " top", until: "q quit", keys: nil},
		{name: "top-detail", command: keyturn + " top", until: "WHAT HAPPENED", keys: []string{"Down", "Down", "Down", "Enter"}},
		{name: "top-question", command: keyturn + " top", until: "y/N", keys: []string{"/", "s", "h", "o", "p", "Enter", "b"}},
		{name: "status", command: "keyturn status", until: "\n$", lines: true},
		{name: "plan", command: "keyturn plan", until: "\n$", lines: true},
		{name: "scan", command: "keyturn scan", until: "\n$", lines: true},
	}
	for _, s := range shots {
		for _, size := range sizes {
			text, err := t.shot(ctx, shot{size: size, env: a.env(), command: s.command, until: s.until, keys: s.keys, lines: s.lines, path: filepath.Dir(keyturn)})
			if err != nil {
				return fmt.Errorf("%s at %dx%d: %w", s.name, size[0], size[1], err)
			}
			file := fmt.Sprintf("docs/screens/%s-%dx%d.txt", s.name, size[0], size[1])
			if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
				return err
			}
			fmt.Println(file)
		}
	}
	return nil
}

// sleep waits, unless it is stopped.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
