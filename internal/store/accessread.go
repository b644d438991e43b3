package store

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"time"

	"github.com/keyturn/keyturn/internal/rotation"
)

// AccessLine is an access on record.
type AccessLine struct {
	Seq int64 // later records have greater ones
	Access
}

// AccessQuery selects records of accesses.
type AccessQuery struct {
	User   rotation.User            // zero: every user; without an account: users of that name in every account
	Of     func(rotation.User) bool // only of users that it takes; nil: all
	Caller string                   // empty: whoever
	Since  time.Time                // at or after; zero: all
	Until  time.Time                // before; zero: all
	Before int64                    // only records with a smaller Seq, to read on from the last line; 0: from the newest
	Limit  int                      // at most so many lines; 0: 100
}

// recordedLate is how much later than its own time an access may be on record, for Until. Times are AWS's, and those of two
// accesses may be seconds apart.
const recordedLate = time.Hour

// scanBatch bounds how long a search keeps the log from being folded.
const scanBatch = 2000

const batchesSQL = `SELECT id, reads FROM batches WHERE id < $1 AND id >= $2 ORDER BY id DESC LIMIT $3`

// Accesses gives the accesses on record, newest first. The search reads every record between the times, some millions a second; more than
// two at a time wait for each other, as whoever is given a credential needs the processors, too.
func (s *Store) Accesses(ctx context.Context, q AccessQuery) ([]AccessLine, error) {
	l := &s.accesses
	if !l.there() {
		return nil, nil
	}
	f, err := l.opened(ctx)
	if err != nil {
		return nil, l.fail("reading the access records", err)
	}
	leave, err := l.searches.enter(ctx)
	if err != nil {
		return nil, l.fail("reading the access records", err)
	}
	defer leave()
	out, err := f.accesses(ctx, q)
	return out, l.fail("reading the access records", err)
}

// there reports whether there is a file: until somebody has asked for a credential there is none.
func (l *accessLog) there() bool {
	_, err := os.Stat(l.opts.Path)
	return l.opts.Path == Memory || !errors.Is(err, fs.ErrNotExist)
}

func (f *file) accesses(ctx context.Context, q AccessQuery) ([]AccessLine, error) {
	w := search{since: moment(q.Since), until: 1<<63 - 1, most: limit(q.Limit)}
	if !q.Until.IsZero() {
		w.until = moment(q.Until)
	}
	var err error
	if q.User != (rotation.User{}) || q.Of != nil {
		if w.users, err = f.numbers(ctx, name{userName, q.User.Account, q.User.Name}, q.Of); err != nil || len(w.users) == 0 {
			return nil, err
		}
	}
	if q.Caller != "" {
		if w.callers, err = f.numbers(ctx, name{kind: callerName, text: q.Caller}, nil); err != nil || len(w.callers) == 0 {
			return nil, err
		}
	}
	before := int64(1<<63 - 1)
	if !q.Until.IsZero() {
		before = moment(q.Until.Add(recordedLate))
	}
	w.before = 1<<63 - 1
	if q.Before > 0 {
		w.before = q.Before
		id, _ := splitSeq(q.Before)
		before = min(before, id+1)
	}
	for more := true; more && len(w.out) < w.most; {
		n := 0
		err := f.query(ctx, func(r *sql.Rows) error {
			var blob sql.RawBytes
			if err := r.Scan(&before, &blob); err != nil {
				return err
			}
			n++
			return w.look(before, blob)
		}, batchesSQL, before, w.since, scanBatch)
		if err != nil {
			return nil, err
		}
		if more = n == scanBatch; ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	return f.lines(ctx, &w)
}

// search is what one goes on with from batch to batch.
type search struct {
	since, until, before int64
	users, callers       map[int64]bool // nil: all
	most                 int
	batch                []found // the reads of one batch that are wanted
	out                  []found
}

// found is a read that is wanted.
type found struct {
	seq, at             int64
	user, caller, route int64
	key                 string
	from                netip.Addr
}

// look takes what is wanted from a batch.
func (w *search) look(id int64, blob []byte) error {
	w.batch = w.batch[:0]
	place := -1
	err := decode(blob, func(r read) {
		place++
		seq := seqOf(id, place)
		if r.at < w.since || r.at >= w.until || seq >= w.before || w.users != nil && !w.users[r.user] ||
			w.callers != nil && !w.callers[r.caller] {
			return
		}
		from, _ := netip.AddrFromSlice(r.from)
		w.batch = append(w.batch, found{seq, r.at, r.user, r.caller, r.route, keyOf(r.key), from})
	})
	for i := len(w.batch) - 1; i >= 0 && len(w.out) < w.most; i-- {
		w.out = append(w.out, w.batch[i])
	}
	return err
}

const numbersSQL = `SELECT id, account, name FROM names WHERE kind = $1 AND (name = $2 OR $2 = '') AND (account = $3 OR $3 = '')`

// numbers finds a name; of users, the account may be missing, or both: then it is all that are wanted.
func (f *file) numbers(ctx context.Context, n name, wanted func(rotation.User) bool) (map[int64]bool, error) {
	out := map[int64]bool{}
	err := f.query(ctx, func(r *sql.Rows) error {
		var id int64
		var u rotation.User
		err := r.Scan(&id, &u.Account, &u.Name)
		if err == nil && (wanted == nil || wanted(u)) {
			out[id] = true
		}
		return err
	}, numbersSQL, n.kind, text(n.text), text(n.account))
	return out, err
}

const nameOfSQL = `SELECT account, name FROM names WHERE id = $1`

// lines gives what was found its names.
func (f *file) lines(ctx context.Context, w *search) ([]AccessLine, error) {
	names := map[int64]name{}
	named := func(id int64) (n name, err error) {
		if n, known := names[id]; known {
			return n, nil
		}
		err = f.query(ctx, func(r *sql.Rows) error { return r.Scan(&n.account, &n.text) }, nameOfSQL, id)
		names[id] = n
		return n, err
	}
	out := make([]AccessLine, 0, len(w.out))
	for _, r := range w.out {
		user, err := named(r.user)
		caller, err1 := named(r.caller)
		route, err2 := named(r.route)
		if err := errors.Join(err, err1, err2); err != nil {
			return nil, err
		}
		out = append(out, AccessLine{Seq: r.seq, Access: Access{At: unstamp(r.at), Caller: caller.text, AccessKeyID: r.key, Route: route.text,
			From: r.from, User: rotation.User{Account: user.account, Name: user.text}}})
	}
	return out, nil
}
