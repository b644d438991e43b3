package awscloud

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/keyturn/keyturn/internal/rotation"
	"github.com/keyturn/keyturn/internal/scan"
)

// enough refusals in a row, and never a yes: the permission is missing for all, and asking on would only cost calls.
const enough = 10

// crowd asks the same question about many, at the account's concurrency and pace.
type crowd struct {
	mu      sync.Mutex
	first   error // that came
	failed  int
	worked  int
	refused int // denied, before anything worked
}

// over reports whether asking on is useless.
func (c *crowd) over() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.worked == 0 && c.refused >= enough
}

func (c *crowd) heard(err error) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case err == nil:
		c.worked++
	default:
		c.failed++
		if c.first == nil {
			c.first = err
		}
		if errors.Is(err, rotation.ErrDenied) {
			c.refused++
		}
	}
	return c.worked + c.failed
}

// each does the work n times, and gives how it went.
func (r *reading) each(ctx context.Context, n int, step string, work func(i int) error) *crowd {
	c := &crowd{}
	next := make(chan int)
	var workers sync.WaitGroup
	for range min(n, r.a.cfg.Concurrency) {
		workers.Go(func() {
			for i := range next {
				if c.over() {
					c.heard(c.first)
					continue
				}
				done := c.heard(work(i))
				c.mu.Lock()
				r.o.Step(fmt.Sprintf("%s: %d of %d…", step, done, n))
				c.mu.Unlock()
			}
		})
	}
	for i := range n {
		if ctx.Err() != nil {
			break
		}
		next <- i
	}
	close(next)
	workers.Wait()
	return c
}

// keys asks for the keys of users that have some.
func (r *reading) keys(ctx context.Context) {
	rows := map[string]reported{}
	if r.report != nil {
		for _, u := range r.report.users {
			rows[u.name] = u
		}
	}
	var ask []*scan.User
	for i := range r.inv.Users {
		u := &r.inv.Users[i]
		if r.asks(*u, rows) {
			ask = append(ask, u)
		} else if !u.Root {
			u.Listed = true
		}
	}
	c := r.each(ctx, len(ask), "reading keys of users", func(i int) error {
		u := ask[i]
		keys, err := r.session(u.Name).ListAccessKeys(ctx)
		if errors.Is(err, rotation.ErrNoUser) {
			u.Listed = true // deleted since it was listed, and its keys with it
			return nil
		}
		if err != nil {
			return err
		}
		u.Listed = true
		for _, k := range keys {
			key := scan.Key{ID: k.ID, Status: k.Status, Created: k.Created}
			key.Used, key.UsedKnown = rows[u.Name].use(k, keys)
			u.Keys = append(u.Keys, key)
		}
		return nil
	})
	if c.failed > 0 {
		r.gap(scan.PartKeys, c.first, "the keys of "+plural(c.failed, "user")+" are unknown")
	}
}

// use is what the report says of a key. It has no ids: a key is the one that was made at that second, if there is but one.
func (u reported) use(k rotation.Key, all []rotation.Key) (rotation.LastUse, bool) {
	same, at := 0, -1
	for i, known := range u.keys {
		if known.rotated.Equal(k.Created) {
			same, at = same+1, i
		}
	}
	for _, other := range all {
		if other.ID != k.ID && other.Created.Equal(k.Created) {
			same++
		}
	}
	if same != 1 || at < 0 {
		return rotation.LastUse{}, false
	}
	return u.keys[at].used, true
}

// lastUses asks for the last use of keys that the report does not have: most are younger than it.
func (r *reading) lastUses(ctx context.Context) {
	type one struct {
		user string
		key  *scan.Key
	}
	var ask []one
	for i := range r.inv.Users {
		u := &r.inv.Users[i]
		for j := range u.Keys {
			if !u.Keys[j].UsedKnown && !u.Root {
				ask = append(ask, one{u.Name, &u.Keys[j]})
			}
		}
	}
	c := r.each(ctx, len(ask), "reading last uses of keys", func(i int) error {
		used, err := r.session(ask[i].user).AccessKeyLastUsed(ctx, ask[i].key.ID)
		if err == nil {
			ask[i].key.Used, ask[i].key.UsedKnown = used, true
		}
		return err
	})
	if c.failed > 0 {
		r.gap(scan.PartLastUse, c.first, "the last use of "+plural(c.failed, "key")+" is unknown")
	}
}

// session is for calls about IAM alone.
func (r *reading) session(user string) *Session {
	return &Session{a: r.a, subject: Subject{User: rotation.User{Account: r.inv.Account, Name: user}, Path: "/"}}
}

// stacks finds out which keys CloudFormation made. No is said of a key only when every Region was read to its end.
func (r *reading) stacks(ctx context.Context) {
	var keys []*scan.Key
	for i := range r.inv.Users {
		for j := range r.inv.Users[i].Keys {
			if k := &r.inv.Users[i].Keys[j]; k.ID != "" {
				keys = append(keys, k)
			}
		}
	}
	if len(keys) == 0 {
		return
	}
	whole := true
	for _, region := range r.o.Regions {
		r.o.Step("reading the CloudFormation stacks in " + region + "…")
		found, err := r.a.stackKeys(ctx, region)
		if err != nil {
			whole = false
			r.gap(scan.PartStacks, err, "which keys a stack in "+region+" owns is unknown")
		}
		for _, k := range keys {
			if name := found[k.ID]; name != "" {
				k.Stack, k.StackName = scan.Yes, name
			}
		}
	}
	for _, k := range keys {
		if k.Stack == scan.Unknown && whole {
			k.Stack = scan.No
		}
	}
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
