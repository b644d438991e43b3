package store

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/keyturn/keyturn/internal/rotation"
)

// A step of a run costs one Begin and one End.
func BenchmarkBeginEnd(b *testing.B) {
	s := openAt(b, filepath.Join(b.TempDir(), "keyturn.db"))
	e := rotation.Event{At: t0, User: alice, Action: rotation.DeactivateKey, Reason: rotation.ReasonGraceOver, KeyID: "AKIAOLD"}
	for i := 0; b.Loop(); i++ {
		e.Run = fmt.Sprintf("run%d", i/5)
		id, err := s.Begin(b.Context(), e)
		if err == nil {
			err = s.End(b.Context(), id, t0, rotation.Done, "", "")
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}

// A run costs one Acquire and one Finish, here among 10,000 users.
func BenchmarkAcquireFinish(b *testing.B) {
	s := openAt(b, filepath.Join(b.TempDir(), "keyturn.db"))
	user := func(i int) rotation.User {
		return rotation.User{Account: alice.Account, Name: fmt.Sprintf("user-%05d", i%10_000)}
	}
	for i := range 10_000 {
		if err := s.SetRecheck(b.Context(), user(i), after(time.Hour)); err != nil {
			b.Fatal(err)
		}
	}
	keys := []rotation.ClassifiedKey{{Key: rotation.Key{ID: "AKIANEW", Status: rotation.Active, Created: t0}, Class: rotation.ClassCurrent},
		{Key: rotation.Key{ID: "AKIAOLD", Status: rotation.Active, Created: t0}, Class: rotation.ClassPrevious}}
	for i := 0; b.Loop(); i++ {
		now, holder := after(time.Duration(i)*time.Second), fmt.Sprintf("run%d", i)
		l, err := s.Acquire(b.Context(), user(i), holder, now, now.Add(time.Minute))
		if err == nil && !l.Taken {
			b.Fatal("not taken")
		}
		if err == nil {
			err = s.Finish(b.Context(), user(i), holder, rotation.Standing{At: now, FreeAt: now, Recheck: now.Add(time.Hour), Keys: keys})
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}

// What `run` asks first: of 10,000 users nobody is due.
func BenchmarkDueNobody(b *testing.B) {
	s := openAt(b, filepath.Join(b.TempDir(), "keyturn.db"))
	for i := range 10_000 {
		if err := s.SetRecheck(b.Context(), rotation.User{Account: alice.Account, Name: fmt.Sprint(i)}, after(time.Hour)); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		if due, err := s.Due(b.Context(), alice.Account, t0); err != nil || len(due) > 0 {
			b.Fatal(due, err)
		}
	}
}

// The simulation opens one store per world.
func BenchmarkOpenMemory(b *testing.B) { benchmarkOpen(b, func(int) string { return Memory }) }

func BenchmarkOpenNewFile(b *testing.B) {
	dir := b.TempDir()
	benchmarkOpen(b, func(i int) string { return filepath.Join(dir, fmt.Sprint(i)) })
}

func BenchmarkOpenExistingFile(b *testing.B) {
	path := filepath.Join(b.TempDir(), "keyturn.db")
	openAt(b, path)
	benchmarkOpen(b, func(int) string { return path })
}

func benchmarkOpen(b *testing.B, path func(int) string) {
	for i := 0; b.Loop(); i++ {
		s, err := Open(b.Context(), Options{Path: path(i)})
		if err == nil {
			err = s.Close()
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}

// Accesses that come at once, from a hundred connections, of many users.
func BenchmarkRecordAccess(b *testing.B) {
	s := openAt(b, filepath.Join(b.TempDir(), "keyturn.db"))
	b.SetParallelism(64)
	var n atomic.Int64
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			i := n.Add(1)
			a := Access{At: time.Now(), Caller: fmt.Sprint("key-", i%100), User: rotation.User{Account: alice.Account, Name: fmt.Sprint("user-", i*7919%10_000)},
				AccessKeyID: "AKIAIOSFODNN7EXAMPLE", Route: "GET /v1/credentials/{user}", From: netip.AddrFrom4([4]byte{127, 0, 0, 1})}
			if err := s.RecordAccess(b.Context(), a); err != nil {
				b.Fatal(err)
			}
		}
	})
}
