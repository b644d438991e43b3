package store

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/keyturn/keyturn/internal/rotation"
)

// The test binary is its own second process: with this variable set it does what the variable says, on the file in its first
// argument.
const childVariable = "KEYTURN_STORE_TEST_CHILD"

func TestMain(m *testing.M) {
	switch role := os.Getenv(childVariable); role {
	case "":
		os.Exit(m.Run())
	case "write":
		childWrites(os.Args[1])
	default:
		childAcquires(os.Args[1], role)
	}
}

func child(t *testing.T, role, path string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], path)
	cmd.Env = append(os.Environ(), childVariable+"="+role)
	cmd.Stderr = os.Stderr
	return cmd
}

func childOpens(path string) *Store {
	s, err := Open(context.Background(), Options{Path: path, Settle: testSettle})
	if err != nil {
		panic(err)
	}
	return s
}

// childWrites records and then waits to be killed, the store open.
func childWrites(path string) {
	s := childOpens(path)
	ctx := context.Background()
	if _, err := s.Acquire(ctx, alice, "child", t0, after(3*time.Minute)); err != nil {
		panic(err)
	}
	for _, a := range []rotation.ActionKind{rotation.WriteIntent, rotation.CreateKey} {
		if _, err := s.Begin(ctx, rotation.Event{At: t0, User: alice, Run: "child", Action: a}); err != nil {
			panic(err)
		}
	}
	fmt.Println("recorded")
	select {}
}

func TestKilledProcessLosesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keyturn.db")
	cmd := child(t, "write", path)
	out, err := cmd.StdoutPipe()
	ok(t, err)
	ok(t, cmd.Start())
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "recorded\n" {
		t.Fatalf("the child said %q, %v", line, err)
	}
	ok(t, cmd.Process.Kill())
	_ = cmd.Wait() // says that it was killed

	s := openAt(t, path)
	same(t, must(s.Witness(t.Context(), alice, "child"))(t), rotation.Witness{Intent: "child"}) // may have created
	same(t, acquire(t, s, alice, "next", time.Minute, 9*time.Minute), rotation.Lease{Until: after(3 * time.Minute)})
	same(t, acquire(t, s, alice, "next", 3*time.Minute, 9*time.Minute), rotation.Lease{Taken: true, Quiet: after(2 * time.Minute)})
}

const raceUsers = 100

// childAcquires waits for the go, tries to take every user, and prints whom it got.
func childAcquires(path, name string) {
	s := childOpens(path)
	fmt.Println("ready")
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
	for i := range raceUsers {
		u := rotation.User{Account: alice.Account, Name: fmt.Sprintf("user-%d", i)}
		l, err := s.Acquire(context.Background(), u, name, t0, after(time.Minute))
		if err != nil {
			panic(err)
		}
		if l.Taken {
			fmt.Println(u.Name)
		}
	}
	if err := s.Close(); err != nil {
		panic(err)
	}
}

func TestProcessesShareLeases(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keyturn.db")
	const processes = 3
	var starts []func()
	taken := make(chan []string, processes)
	for i := range processes {
		cmd := child(t, fmt.Sprintf("process-%d", i), path)
		in := must(cmd.StdinPipe())(t)
		out := must(cmd.StdoutPipe())(t)
		ok(t, cmd.Start())
		lines := bufio.NewScanner(out)
		if !lines.Scan() || lines.Text() != "ready" {
			t.Fatalf("the child said %q", lines.Text())
		}
		starts = append(starts, func() { _, _ = in.Write([]byte("go\n")) })
		go func() {
			var got []string
			for lines.Scan() {
				got = append(got, lines.Text())
			}
			if err := cmd.Wait(); err != nil {
				t.Error(err)
			}
			taken <- got
		}()
	}
	for _, start := range starts {
		start()
	}
	holders := map[string]int{}
	for range processes {
		for _, name := range <-taken {
			holders[strings.TrimSpace(name)]++
		}
	}
	for i := range raceUsers {
		if name := fmt.Sprintf("user-%d", i); holders[name] != 1 {
			t.Errorf("%s was taken by %d processes", name, holders[name])
		}
	}
}
