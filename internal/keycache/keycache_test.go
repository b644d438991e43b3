package keycache

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

func env(dir string) func(string) string {
	return func(string) string { return dir }
}

// memory is a folder on a tmpfs.
func memory(t *testing.T) string {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("NOT RUN: only Linux says that a folder is in memory")
	}
	dir, err := os.MkdirTemp("/dev/shm", "keyturn-keycache-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// Nothing is ever kept on a disk: what is removed there can be found again.
func TestOnlyInMemory(t *testing.T) {
	dir, err := os.MkdirTemp(".", "on-disk-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	dir, _ = filepath.Abs(dir)
	if inMemory(dir) == nil {
		t.Skip("NOT RUN: these sources are on a tmpfs, and there is no disk to refuse")
	}
	if _, err := Open(env(dir)); err == nil || !strings.Contains(err.Error(), "in memory only") {
		t.Errorf("a folder on a disk: %v", err)
	}
}

func TestKeptUntilTheExpiration(t *testing.T) {
	c, err := Open(env(memory(t)))
	if err != nil {
		t.Fatal(err)
	}
	put := func(user string, left time.Duration) {
		t.Helper()
		e := Entry{AccessKeyID: "AKIA" + user, SecretAccessKey: "hush", Expiration: time.Now().Add(left), Fetched: time.Now()}
		if err := c.Put("https://keyturn.test", user, e); err != nil {
			t.Fatal(err)
		}
	}
	put("old", -time.Second)
	put("new", time.Hour)
	if e, ok := c.Get("https://keyturn.test", "new"); !ok || e.AccessKeyID != "AKIAnew" || e.SecretAccessKey != "hush" {
		t.Errorf("%v, %+v", ok, e.AccessKeyID)
	}
	if _, ok := c.Get("https://keyturn.test", "old"); ok {
		t.Error("what has expired is given out")
	}
	if _, ok := c.Get("https://other.test", "new"); ok {
		t.Error("another server's is given out")
	}
	if next := c.Sweep(); time.Until(next) < 59*time.Minute {
		t.Errorf("the next one expires at %s", next)
	}
	if _, err := os.Stat(c.file("https://keyturn.test", "old")); !os.IsNotExist(err) {
		t.Errorf("what has expired is still there: %v", err)
	}
	_ = os.WriteFile(c.file("https://keyturn.test", "new"), []byte("{"), 0o600)
	if _, ok := c.Get("https://keyturn.test", "new"); ok {
		t.Error("half a file is given out")
	}
	if next := c.Sweep(); !next.IsZero() {
		t.Errorf("half a file stays until %s", next)
	}
}

// One process keeps watch until nothing is left; asking whether one does hinders nobody.
func TestWatch(t *testing.T) {
	c, err := Open(env(memory(t)))
	if err != nil {
		t.Fatal(err)
	}
	e := Entry{AccessKeyID: "AKIA", SecretAccessKey: "hush", Expiration: time.Now().Add(300 * time.Millisecond)}
	if err := c.Put("s", "u", e); err != nil {
		t.Fatal(err)
	}
	if c.Guarded() {
		t.Error("it is guarded by nobody")
	}
	ended := make(chan struct{})
	go func() { c.Keep(); close(ended) }()
	for !c.Guarded() {
		time.Sleep(time.Millisecond)
	}
	c.Keep() // returns at once
	<-ended
	if _, err := os.Stat(c.file("s", "u")); !os.IsNotExist(err) || time.Now().Before(e.Expiration) {
		t.Errorf("the watch ended %s before the Expiration, and the file is there: %v", time.Until(e.Expiration), err)
	}
	if c.Guarded() {
		t.Error("the watch is over, and it is guarded")
	}
}
