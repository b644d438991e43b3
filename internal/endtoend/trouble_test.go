package endtoend

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// few brings some users and their consumers into care of a daemon.
func (w *world) few(n int) *daemon {
	w.t.Helper()
	for i := range n {
		w.enter(fmt.Sprintf("user-%02d", i))
	}
	d := w.start("daemon")
	d.serving()
	for _, user := range w.users {
		w.seat(user)
	}
	return d
}

// A daemon that is stopped for a minute (a suspended machine, a stalled disk) while AWS holds a changing call of its open wakes up long
// after its leases are over, and AWS has gone on without it.
func TestStoppedForAMinute(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 20, "")
	d := w.few(6)
	h := w.holdNext("UpdateSecretVersionStage", before)
	<-h.caught
	w.must(d.cmd.Process.Signal(syscall.SIGSTOP))
	pause(time.Minute)
	close(h.release)
	w.must(d.cmd.Process.Signal(syscall.SIGCONT))
	w.settled(time.Now())
}

// A second daemon on the same database stands by, and takes over when the first one is killed.
func TestStandBy(t *testing.T) {
	t.Parallel()
	const most = 30 * time.Second
	w := newWorld(t, 20, "")
	first := w.few(4)
	second := w.start("second")
	second.says("stand")
	h := w.holdNext("CreateAccessKey", after)
	<-h.caught
	first.kill()
	close(h.release)
	died := time.Now()
	pause(lands) // the call that was held has had its effect, and is counted
	changed := changes(w.sim.RotatorCounts())
	w.until("a change by the second daemon", func() string { // of whatever the first one left: a new key, or the end of an orphan
		if n := changes(w.sim.RotatorCounts()); n == changed {
			return fmt.Sprintf("still %d changes", n)
		}
		return ""
	})
	took := time.Since(died)
	t.Logf("the second daemon changed a key %s after the first one died", took.Round(100*time.Millisecond))
	if took > most {
		t.Errorf("the second daemon took over after %s; at most %s are promised", took, most)
	}
	w.settled(time.Now())
}

// changes counts the calls that made, deactivated or deleted a key.
func changes(calls map[string]int64) int64 {
	return calls["CreateAccessKey"] + calls["UpdateAccessKey"] + calls["DeleteAccessKey"]
}

// The database is deleted under a running daemon: it makes a new one, looks at everybody twice, and goes on.
func TestDatabaseDeleted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 20, "")
	d := w.few(4)
	h := w.holdNext("PutSecretValue", after)
	<-h.caught
	for _, end := range []string{"", "-wal", "-shm"} {
		w.must(os.Remove(filepath.Join(w.dir, "keyturn.db"+end)))
	}
	close(h.release)
	w.settled(time.Now())
	if _, err := os.Stat(filepath.Join(w.dir, "keyturn.db")); err != nil {
		t.Errorf("no new database was made: %v", err)
	}
	d.kill()
}

// The disk is full for two periods: no key is changed that cannot be recorded, no consumer notices, and when there is room again
// everything goes on by itself.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	disk := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", disk).CombinedOutput(); err != nil {
		t.Fatalf("a small disk is needed, and mounting one takes the rights of root: %v: %s", err, out)
	}
	t.Cleanup(func() { _ = exec.Command("umount", "-l", disk).Run() })
	w := newWorld(t, 20, "database: "+filepath.Join(disk, "keyturn.db")+"\n")
	d := w.few(4)
	filler := filepath.Join(disk, "filler")
	_ = exec.Command("dd", "if=/dev/zero", "of="+filler, "bs=4k").Run() // until there is no room
	d.says("keyturn.db is full")
	made := w.sim.RotatorCounts()
	pause(w.scaled(2 * rotateEvery))
	if now := w.sim.RotatorCounts(); now["CreateAccessKey"] > made["CreateAccessKey"]+1 {
		t.Errorf("keys were made that could not be recorded: %v, then %v", made, now)
	}
	w.must(os.Remove(filler))
	w.settled(time.Now())
}
