package main

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/rotation"
)

func newPause(o *options) *cobra.Command {
	c := crowd{wish: wish{patience: 3 * time.Minute}, kind: rotation.RequestPause}
	cmd := &cobra.Command{
		Use:   "pause [USER…]",
		Short: "Stop all changes of users, until they are resumed",
		Long: "Pauses the users that are named, or with --all every user under care. A paused user's keys stay as they are: none is rotated, " +
			"deactivated or deleted. A revoke is carried out all the same. The pause stands in a tag of the user's secret, so it outlives a " +
			"restart and a lost database, and every keyturn heeds it.",
		Example: "keyturn pause ci-deploy --why \"release week\"\nkeyturn pause --all --why \"incident 4711\" --yes",
		RunE:    func(cmd *cobra.Command, names []string) error { return c.carry(cmd, o, names) },
	}
	c.flags(cmd, o)
	return cmd
}

func newResume(o *options) *cobra.Command {
	c := crowd{wish: wish{patience: 3 * time.Minute}, kind: rotation.RequestResume}
	stopped := false
	cmd := &cobra.Command{
		Use:   "resume [USER…]",
		Short: "Let paused users go on",
		Long: "With --stopped: lets scheduled changes go on that have stopped for everybody, after too many failures or for canary users. " +
			"Otherwise it ends the pause of the users that are named, or with --all of every one. What became due meanwhile is done with the next run. " +
			"After a rollback the key that was gone back to is looked after as the current one, and the other is retired after the grace.",
		Example: "keyturn resume ci-deploy\nkeyturn resume --all --why \"incident 4711 is over\" --yes\nkeyturn resume --stopped",
		RunE: func(cmd *cobra.Command, names []string) error {
			if stopped {
				return lift(cmd, o, c.yes, c.all || len(names) > 0)
			}
			return c.carry(cmd, o, names)
		},
	}
	c.flags(cmd, o)
	cmd.Flags().BoolVar(&stopped, "stopped", false, "lift a stop after too many failures, or the wait for canary users")
	return cmd
}

// crowd is a wish about many users at once.
type crowd struct {
	wish
	kind rotation.RequestKind
	all  bool
}

// crowdAtOnce is how many are asked for at the same time; most of that is waiting for a turn at AWS.
const crowdAtOnce = 32

func (c *crowd) flags(cmd *cobra.Command, o *options) {
	cmd.Flags().BoolVar(&c.all, "all", false, "every user under care")
	cmd.Flags().StringVar(&c.why, "why", "", "reason, for the history")
	patienceFlag(cmd, &c.patience)
	yesFlag(cmd, &c.yes)
	jsonFlag(cmd, o, "one line of JSON per user")
}

func (c *crowd) carry(cmd *cobra.Command, o *options, names []string) error {
	switch {
	case c.all && len(names) > 0:
		return usagef("`%s` takes users or --all, not both", cmd.CommandPath())
	case !c.all && len(names) == 0:
		return usagef("`%s` takes the users to %s, or --all", cmd.CommandPath(), c.kind)
	case c.kind == rotation.RequestPause && oneLine(c.why) == "":
		return usagef("`%s` needs --why TEXT: whoever finds the user paused will ask", cmd.CommandPath())
	}
	ctx := cmd.Context()
	outliveReader()
	d, err := openDesk(ctx, o, withDatabase)
	if err != nil {
		return err
	}
	defer d.close()
	everyone, err := d.everyone(ctx)
	if err != nil {
		return err
	}
	if !c.all {
		for _, name := range names {
			if !slices.ContainsFunc(everyone, func(s fleet.State) bool { return s.User.Name == name || s.User.String() == name }) {
				if _, err := d.Foresee(ctx, c.about(name)); err != nil { // says why it is not there
					return err
				}
			}
		}
		return c.each(ctx, o, d, names)
	}
	chosen := slices.DeleteFunc(slices.Clone(everyone), c.isSo)
	if len(chosen) == 0 {
		o.out.note("no user is left to %s", c.kind)
		return nil
	}
	if err := c.foretell(ctx, o, d, chosen, len(everyone)-len(chosen)); err != nil {
		return err
	}
	question := fmt.Sprintf("%s %s?", strings.ToUpper(string(c.kind[:1]))+string(c.kind[1:]), users(len(chosen)))
	if err := confirm(ctx, cmd, o, c.yes, question); err != nil {
		return err
	}
	for _, s := range chosen {
		names = append(names, s.User.String())
	}
	return c.each(ctx, o, d, names)
}

func (c *crowd) about(name string) fleet.Ask {
	return fleet.Ask{User: name, Patience: c.patience, Request: rotation.Request{Kind: c.kind, Why: operator(c.why)}}
}

// isSo reports whether the last look proves that there is nothing to do for the user. A user that was not looked at yet, or whose look
// ended before its tags were read, may be paused.
func (c *crowd) isSo(s fleet.State) bool {
	switch s.Reason {
	case rotation.ReasonPaused, rotation.ReasonRollback, rotation.ReasonRollbackDone:
		return c.kind == rotation.RequestPause
	case "", rotation.ReasonUnknown, rotation.ReasonRevoke, rotation.ReasonSettling, rotation.ReasonLeased, rotation.ReasonConfirm:
		return false
	}
	return c.kind == rotation.RequestResume && s.LastError == ""
}

// foretell says what --all will do: a few of the users, and what comes of it.
func (c *crowd) foretell(ctx context.Context, o *options, d *desk, chosen []fleet.State, others int) error {
	const shown = 5
	first := slices.Clone(chosen)
	slices.SortStableFunc(first, func(a, b fleet.State) int { return cmp.Compare(unknownLast(a.NextAt), unknownLast(b.NextAt)) })
	first = first[:min(len(first), shown)]
	var rows [][]string
	for _, s := range first {
		f, err := d.Foresee(ctx, c.about(s.User.String()))
		row := []string{o.out.errName(s.User), "", ""}
		switch {
		case err != nil:
			row[1] = oneLine(err.Error())
		case f.Refused != "":
			row[1] = f.Refused
		case c.kind == rotation.RequestPause && !s.NextAt.IsZero():
			row[1], row[2] = "waits: "+string(s.NextAction), in(s.NextAt, f.At)
		case c.kind == rotation.RequestResume && len(f.Then) > 0:
			row[1], row[2] = "next: "+string(f.Then[0].Action), in(f.Then[0].At, f.At)
		}
		rows = append(rows, row)
	}
	doing := map[rotation.RequestKind]string{rotation.RequestPause: "Pausing", rotation.RequestResume: "Resuming"}
	o.out.note("%s", bold.Render(doing[c.kind]+" "+users(len(chosen))))
	o.out.note("")
	for _, line := range columns(rows) {
		o.out.note("  %s", line)
	}
	if more := len(chosen) - len(first); more > 0 {
		o.out.note("  and %d more", more)
	}
	o.out.note("")
	if c.kind == rotation.RequestPause {
		o.out.note("  No key of theirs is rotated, deactivated or deleted until it is resumed, so keys grow older than their schedule. Consumers " +
			"notice nothing. Revokes are carried out all the same.")
		if others > 0 {
			o.out.note("  %s more: paused already.", users(others))
		}
	} else {
		o.out.note("  What became due meanwhile is done at once, as fast as AWS's quotas allow; grace and retention count as always.")
	}
	o.out.note("")
	return ctx.Err()
}

func unknownLast(t time.Time) int64 {
	if t.IsZero() {
		return math.MaxInt64
	}
	return t.Unix()
}

// each asks for every user, many at once. One that fails stops nobody.
func (c *crowd) each(ctx context.Context, o *options, d *desk, names []string) error {
	var mu sync.Mutex
	var all sync.WaitGroup
	slots := make(chan struct{}, crowdAtOnce)
	done, skipped, failed, looked := 0, 0, 0, 0
	var last error
	for _, name := range names {
		slots <- struct{}{}
		if ctx.Err() != nil {
			break
		}
		all.Go(func() {
			defer func() { <-slots }()
			a := c.about(name)
			ans, err := fleet.Patiently(ctx, d, a, func(ans fleet.Answer, wait time.Duration) {
				mu.Lock()
				defer mu.Unlock()
				o.out.step("%d of %s done; %s: %s; again in %s…", looked, users(len(names)), name, sentence(ans.Reason, "", ans.Detail), rough(wait))
			})
			mu.Lock()
			defer mu.Unlock()
			looked++
			switch {
			case err != nil:
				failed, last = failed+1, err
				if ctx.Err() == nil {
					o.out.note("%s %s: %s", mark(fleet.Failed), name, oneLine(err.Error()))
				}
			case ans.Done:
				done++
				if !o.json && !c.all {
					o.out.carried(a, ans)
				}
			case c.all && ans.Reason == rotation.BlockedRequest: // not paused after all
				skipped++
			default:
				failed, last = failed+1, &errUsers{notDone(a, ans)}
				if !o.json && len(names) > 1 {
					o.out.line("%s %-20s %s", mark(fleet.Blocked), o.out.name(ans.User), oneLine(why(ans)))
				}
			}
			if o.json && err == nil {
				_ = o.out.record(wishLineOf(a, ans))
			}
			if looked < len(names) {
				o.out.step("%d of %s done…", looked, users(len(names)))
			}
		})
	}
	all.Wait()
	o.out.clearProgress()
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("stopped: %s %s, the others are as they were: %w", users(done), past[c.kind], err)
	}
	if !o.json && len(names) > 1 {
		o.out.line("%s %s, %d not", users(done), past[c.kind], failed)
	}
	switch {
	case failed == 0:
		return nil
	case len(names) == 1:
		return last
	}
	return &errUsers{fmt.Sprintf("%s of %d not %s; ask again for those", users(failed), len(names), past[c.kind])}
}
