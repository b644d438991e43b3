package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/keyturn/keyturn/internal/api"
	"github.com/keyturn/keyturn/internal/config"
	"github.com/keyturn/keyturn/internal/rotation"
	"github.com/keyturn/keyturn/internal/store"
)

// accessFlags are the flags of `keyturn accesses`.
type accessFlags struct {
	user, caller, since, until string
	last                       int
	none                       string // what to say when there is none
}

func newAccesses(o *options) *cobra.Command {
	f := accessFlags{last: 20, none: "no such read of a credential is on record"}
	cmd := &cobra.Command{
		Use:   "accesses",
		Short: "Show who read which credential, when, from where and how",
		Long: "Shows the newest reads of credentials through the API, the oldest first, from the file beside the database. A read is on record " +
			"before the credential is sent; one that bears the newest time may not have arrived. No AWS call is made. With KEYTURN_URL and " +
			"KEYTURN_API_KEY set, that server is asked.",
		Example: "keyturn accesses --user ci-deploy\nkeyturn accesses --caller 7gk2p9x4 --since 24h -n 1000\n" +
			"keyturn accesses --since 2026-11-23T06:30:00Z --until 2026-11-23T07:00:00Z --json | jq .from",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			q, err := f.query(time.Now())
			if err != nil {
				return err
			}
			found, err := f.find(cmd.Context(), o, q)
			if err != nil {
				return err
			}
			slices.Reverse(found)
			if len(found) == 0 {
				o.out.note("%s", f.none)
			}
			return o.out.accesses(o, found)
		},
	}
	cmd.Flags().IntVarP(&f.last, "last", "n", f.last, "how many of the newest")
	cmd.Flags().StringVar(&f.user, "user", "", "only of this user: NAME, or ACCOUNT/NAME")
	cmd.Flags().StringVar(&f.caller, "caller", "", "only by this id of an API key, or AWS identity")
	cmd.Flags().StringVar(&f.since, "since", "", "only so long ago or later: 24h, 7d, or a time as 2026-11-23T06:30:00Z")
	cmd.Flags().StringVar(&f.until, "until", "", "only earlier than this")
	jsonFlag(cmd, o, "one line of JSON per read")
	return cmd
}

// find asks the server that the environment names, if it does; else the file beside the database.
func (f *accessFlags) find(ctx context.Context, o *options, q store.AccessQuery) ([]store.AccessLine, error) {
	if c, err := dialServer(); err != nil {
		return nil, err
	} else if c != nil {
		defer c.Close()
		return c.Accesses(ctx, q)
	}
	cfg, err := config.Load(o.config)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(store.AccessPath(cfg.DatabasePath())); errors.Is(err, fs.ErrNotExist) {
		f.none = "nobody has read a credential through the API yet: there is no " + store.AccessPath(cfg.DatabasePath())
		return nil, nil
	}
	db, err := store.Open(ctx, store.Options{Path: cfg.DatabasePath()})
	if err != nil {
		return nil, err
	}
	defer func() { _ = db.Close() }() // nothing was written
	return db.Accesses(ctx, q)
}

func (f *accessFlags) query(now time.Time) (q store.AccessQuery, err error) {
	if f.last < 1 || f.last > 100_000 {
		return q, usagef("-n must be between 1 and 100000, and is %d", f.last)
	}
	q.Limit, q.Caller = f.last, f.caller
	q.User.Name = f.user
	if account, name, ok := strings.Cut(f.user, "/"); ok {
		q.User = rotation.User{Account: account, Name: name}
	}
	if q.Since, err = momentOf("--since", f.since, now); err != nil {
		return q, err
	}
	q.Until, err = momentOf("--until", f.until, now)
	return q, err
}

// momentOf reads a time, or how long ago it is; "" is the zero time.
func momentOf(flag, s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, nil
	}
	d, err := config.ParseDuration(s)
	if err != nil || d < 0 {
		return time.Time{}, usagef("%s: %q is neither a time, as 2026-11-23T06:30:00Z, nor how long ago, as 24h or 7d", flag, s)
	}
	return now.Add(-d), nil
}

func (p *printer) accesses(o *options, found []store.AccessLine) error {
	if !o.json && len(found) > 0 {
		p.line("%s", bold.Render(p.accessLine("TIME", "USER", "CALLER", "KEY", "FROM", "ROUTE")))
	}
	for _, a := range found {
		from := ""
		if a.From.IsValid() {
			from = a.From.String()
		}
		if o.json {
			if err := p.record(api.AccessOf(a)); err != nil {
				return err
			}
			continue
		}
		p.line("%s", p.accessLine(p.at(a.At), p.name(a.User), a.Caller, p.key(a.AccessKeyID), from, a.Route))
	}
	return nil
}

// accessLine sets the fields under each other; a longer one moves what is behind it.
func (p *printer) accessLine(fields ...string) string {
	widths := []int{20, 30, 20, 20, 15, 0}
	if p.tty {
		widths = []int{12, 24, 16, 11, 15, 0}
	}
	for i, s := range fields {
		if s == "" {
			s = "-"
		}
		fields[i] = pad(oneLine(s), widths[i])
	}
	return strings.TrimRight(strings.Join(fields, " "), " ")
}
