package fleet

import (
	"context"
	"time"

	"github.com/keyturn/keyturn/internal/rotation"
	"github.com/keyturn/keyturn/internal/store"
)

// since is the Seq from which on a promotion carries a rotation out: what the Ask says, or else that of the newest happening now; -1, from
// the beginning, when nothing has ended yet.
func (o *Office) since(ctx context.Context, a Ask) (int64, error) {
	if a.Request.Kind != rotation.RequestRotate {
		return 0, nil
	}
	newest, err := o.cfg.DB.Newest(ctx)
	if err != nil {
		return 0, err
	}
	if newest == 0 || a.Since < 0 {
		return -1, nil
	}
	if a.Since > 0 && a.Since < newest { // beyond the newest: the database was made anew, and nothing is known of the time before
		return a.Since, nil
	}
	return newest, nil
}

// metBy looks whether somebody else carried out meanwhile what a rotation of a user was asked for: a run that was due, or one that another
// person asked for. Without that a rotation which met one would be told "not possible", with the new key in everybody's hands, or be made
// twice. When the journal cannot be read the answer stays as it is, and the next try looks again.
func (o *Office) metBy(ctx context.Context, ans Answer, u rotation.User) Answer {
	for after := ans.Since; ; {
		page, err := o.cfg.DB.Page(ctx, store.PageQuery{Users: []rotation.User{u}, After: after})
		if err != nil {
			return ans
		}
		for _, h := range HappeningsOf(page.Lines) {
			if h.Renewed() {
				ans.Done, ans.Reason, ans.KeyID, ans.Detail = true, h.Reason, h.KeyID, ""
				ans.Refused, ans.Error, ans.Err, ans.Since = "", "", nil, 0
			}
		}
		if !page.More {
			break
		}
		after = page.Next
	}
	if !ans.Done {
		return ans
	}
	ans.Keys, ans.Then, ans.Recheck = nil, nil, time.Time{}
	if states, err := o.States(ctx, u.String()); err == nil && len(states) == 1 && states[0].CurrentKeyID == ans.KeyID {
		ans.Keys = states[0].Keys // AWS is not read: so soon after a change it may tell of the time before
	}
	return ans
}

// Renewed reports whether a happening gave the user a new key: one was promoted, and not one from before put back.
func (h Happening) Renewed() bool {
	return (h.Action == rotation.Promote || h.Action == rotation.PutFirst) && h.Outcome == rotation.Done &&
		h.Reason != rotation.ReasonRollback && h.Reason != rotation.ReasonFallBack
}
