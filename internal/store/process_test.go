package store

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
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
	case "reads":
		childReads(os.Args[1])
	case "storm":
		childStorms(os.Args[1])
	case "seat-a", "seat-b":
		childSits(os.Args[1], role)
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

// childStorms records for many users at once and prints what was answered, until it is killed.
func childStorms(path string) {
	s := childOpens(path)
	for i := range 24 {
		go func() {
			u := rotation.User{Account: alice.Account, Name: fmt.Sprintf("user-%d", i)}
			for n := 0; ; n++ {
				run := fmt.Sprintf("%d-%d-%d", os.Getpid(), i, n)
				id, err := s.Begin(context.Background(), rotation.Event{At: t0, User: u, Run: run, Action: rotation.CreateKey})
				if err != nil {
					panic(err)
				}
				_, _ = fmt.Printf("begun %d %s\n", id, run) // one write call: whole, or not at all
				if err := s.End(context.Background(), id, t0, rotation.Done, "AKIA"+run, ""); err != nil {
					panic(err)
				}
				_, _ = fmt.Printf("ended %d %s\n", id, run)
			}
		}()
	}
	select {}
}

// A process is killed in the middle of shared transactions: whatever was answered is on record, and the file is sound.
func TestKilledInAStorm(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keyturn.db")
	answered := map[string]map[int64]string{"begun": {}, "ended": {}}
	for range 4 {
		cmd := child(t, "storm", path)
		out := must(cmd.StdoutPipe())(t)
		ok(t, cmd.Start())
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			var what, run string
			var id int64
			if _, err := fmt.Sscan(lines.Text(), &what, &id, &run); err != nil {
				t.Fatalf("the child said %q", lines.Text())
			}
			if had := answered[what][id]; had != "" {
				t.Fatalf("event %d is both %s and %s", id, had, run)
			}
			answered[what][id] = run
			if n == 1000 {
				ok(t, cmd.Process.Kill()) // what it said before is read all the same
			}
		}
		_ = cmd.Wait() // says that it was killed
	}
	s := openAt(t, path)
	ok(t, s.file.quickCheck(t.Context()))
	on := map[int64]Line{}
	for _, l := range must(s.Events(t.Context(), Query{Limit: 1 << 20}))(t) {
		on[l.ID] = l
	}
	for what, ids := range answered {
		for id, run := range ids {
			if l := on[id]; l.Run != run || what == "ended" && (l.Outcome != rotation.Done || l.KeyID != "AKIA"+run) {
				t.Errorf("%s %d of %s was answered; on record is %+v", what, id, run, l)
			}
		}
	}
	if len(answered["ended"]) < 1000 {
		t.Errorf("only %d were answered", len(answered["ended"]))
	}
}

// childSits stands by for the seat, in times that are 20 times shorter than usual, and says when it has it, when it has lost it, and
// when asked whether it holds it.
func childSits(path, name string) {
	seat := childOpens(path).Seat(name)
	for _, d := range []*time.Duration{&seat.times.beat, &seat.times.trust, &seat.times.dead, &seat.times.ask} {
		*d /= 20
	}
	if err := seat.Take(context.Background(), func(string, error) { fmt.Println("waits") }); err != nil {
		panic(err)
	}
	fmt.Println("taken")
	go func() {
		<-seat.Lost()
		fmt.Println("lost")
	}()
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		fmt.Println(seat.Held())
	}
	select {}
}

// sitter is a child that sits or stands by.
type sitter struct {
	cmd  *exec.Cmd
	ask  io.Writer
	said *bufio.Scanner
}

func sits(t *testing.T, path, name string) *sitter {
	t.Helper()
	cmd := child(t, name, path)
	in, out := must(cmd.StdinPipe())(t), must(cmd.StdoutPipe())(t)
	ok(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // if it was not
		_ = cmd.Wait()
	})
	return &sitter{cmd, in, bufio.NewScanner(out)}
}

func (s *sitter) says(t *testing.T, want string) {
	t.Helper()
	if s.said.Scan(); s.said.Text() != want {
		t.Fatalf("it said %q, want %q", s.said.Text(), want)
	}
}

func TestSeatOfAKilledProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keyturn.db")
	a := sits(t, path, "seat-a")
	a.says(t, "taken")
	b := sits(t, path, "seat-b")
	b.says(t, "waits")
	ok(t, a.cmd.Process.Kill())
	b.says(t, "taken")
}

// A stopped process is replaced; when it goes on, it knows before all else that it has lost the seat.
func TestSeatOfAStoppedProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keyturn.db")
	a := sits(t, path, "seat-a")
	a.says(t, "taken")
	b := sits(t, path, "seat-b")
	b.says(t, "waits")
	ok(t, a.cmd.Process.Signal(syscall.SIGSTOP))
	b.says(t, "taken")
	_ = must(a.ask.Write([]byte("held?\n")))(t)
	ok(t, a.cmd.Process.Signal(syscall.SIGCONT))
	said := map[string]bool{}
	for range 2 { // in either order
		if !a.said.Scan() {
			t.Fatal("it died")
		}
		said[a.said.Text()] = true
	}
	same(t, said, map[string]bool{"false": true, "lost": true})
}
