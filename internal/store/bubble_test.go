package store

import (
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyturn/keyturn/internal/rotation"
)

// A world of many users in virtual time, with the store inside the bubble: time moves on whenever everyone waits, and the bubble
// ends when the store is closed.
func TestVirtualTime(t *testing.T) {
	dir := t.TempDir()
	for name, path := range map[string]string{"memory": Memory, "file": filepath.Join(dir, "keyturn.db")} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := must(Open(t.Context(), Options{Path: path, Settle: testSettle}))(t)
				start := time.Now()
				var taken atomic.Int64
				for i := range 20 {
					u := rotation.User{Account: alice.Account, Name: fmt.Sprintf("u%d", i%10)} // two runs want each user
					go func() {
						for round := range 5 {
							l, err := s.Acquire(t.Context(), u, fmt.Sprintf("r%d-%d", i, round), time.Now(), time.Now().Add(time.Minute))
							if err != nil {
								t.Error(err)
								return
							}
							if l.Taken {
								taken.Add(1)
								end(t, s, begin(t, s, u, fmt.Sprintf("r%d-%d", i, round), rotation.Verify), rotation.Done, "")
							}
							time.Sleep(time.Hour)
						}
					}()
				}
				time.Sleep(24 * time.Hour)
				synctest.Wait()
				same(t, taken.Load(), int64(50))
				if d := time.Since(start); d != 24*time.Hour {
					t.Errorf("the bubble's clock moved by %s", d)
				}
				ok(t, s.Close())
			})
		})
	}
}

// Writers of two stores on one file wait for each other without stopping the bubble's clock for good.
func TestVirtualTimeSharedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keyturn.db")
	synctest.Test(t, func(t *testing.T) {
		a := must(Open(t.Context(), Options{Path: path}))(t)
		b := must(Open(t.Context(), Options{Path: path}))(t)
		tx := must(a.file.write.BeginTx(t.Context(), nil))(t)
		go func() {
			time.Sleep(3 * time.Second)
			ok(t, tx.Rollback())
		}()
		begin(t, b, alice, "run", rotation.Verify) // waits for a, in virtual time
		ok(t, b.Close())
		ok(t, a.Close())
	})
}
