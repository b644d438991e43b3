package store

import (
	"context"
	"database/sql"
	"net/netip"
	"sync"
	"time"
)

// useEvery is how coarse last-used times are.
const useEvery = time.Minute

// KeyUse is when an API key was last used, to the minute or so, and from where.
type KeyUse struct {
	At   time.Time
	From netip.Addr // zero: unknown
}

// uses knows when each caller's last use was written.
type uses struct {
	mu      sync.RWMutex
	written map[string]time.Time
	under   sync.WaitGroup
}

const noteUseSQL = `
INSERT INTO key_uses (caller, at, source) VALUES ($1, $2, $3)
ON CONFLICT (caller) DO UPDATE SET at = excluded.at, source = excluded.source WHERE excluded.at > key_uses.at`

// NoteKeyUse remembers that a caller was let in. It waits for nothing: at most once a minute and caller it is written, beside whoever
// asked. What cannot be written is tried at the next use; a crash may lose the last minute.
func (s *Store) NoteKeyUse(caller string, at time.Time, from netip.Addr) {
	u := &s.uses
	u.mu.RLock()
	last, known := u.written[caller]
	u.mu.RUnlock()
	if d := at.Sub(last); known && d < useEvery && d > -useEvery {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.written[caller] != last {
		return // another request of the same moment
	}
	if u.written == nil || len(u.written) > mostNames {
		u.written = map[string]time.Time{}
	}
	u.written[caller] = at
	u.under.Go(func() {
		source := ""
		if from.IsValid() {
			source = from.Unmap().String()
		}
		if _, err := s.exec(context.Background(), noteUseSQL, text(caller), stamp(at), source); err != nil {
			u.mu.Lock()
			delete(u.written, caller)
			u.mu.Unlock()
		}
	})
}

func (u *uses) wait() { u.under.Wait() }

const keyUsesSQL = `SELECT caller, at, source FROM key_uses`

// KeyUses gives when each caller was last let in, by its id. One that is missing was not since this database was made.
func (s *Store) KeyUses(ctx context.Context) (map[string]KeyUse, error) {
	out := map[string]KeyUse{}
	err := s.query(ctx, func(r *sql.Rows) error {
		var caller, source string
		var at int64
		err := r.Scan(&caller, &at, &source)
		from, _ := netip.ParseAddr(source) // "" is unknown
		out[caller] = KeyUse{unstamp(at), from}
		return err
	}, keyUsesSQL)
	return out, s.fail("reading when API keys were last used", err)
}
