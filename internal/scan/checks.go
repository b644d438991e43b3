package scan

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/keyturn/keyturn/internal/rotation"
)

// view is what a rule looks at.
type view struct {
	User
	now time.Time
}

// verdict is what a rule says, and by what evidence.
type verdict struct {
	fact     Fact
	evidence string
}

var (
	clear   = verdict{fact: No}
	unclear = verdict{fact: Unknown}
)

func found(format string, args ...any) verdict { return verdict{Yes, fmt.Sprintf(format, args...)} }

func rootKey(u view) verdict {
	switch {
	case !u.Root:
		return clear
	case !u.Listed:
		return unclear
	case len(u.Keys) == 0:
		return clear
	}
	return found("%d on record, %d Active", len(u.Keys), len(u.active()))
}

func adminKey(u view) verdict {
	switch {
	case u.Root || u.Detailed && u.AdminWhy == "" || u.Listed && len(u.active()) == 0:
		return clear
	case !u.Detailed || !u.Listed:
		return unclear
	}
	return found("by %s", u.AdminWhy)
}

// slack is how late a step may be before it is worth a word: passes are made every minute, and take their time.
func slack(s rotation.Schedule) time.Duration { return max(5*time.Minute, s.RotateEvery/100) }

// overdue: the newest Active key is due for its successor, and an older one for its deactivation.
func overdue(u view, k Key) verdict {
	switch {
	case u.Care.State == CareUnknown:
		return unclear
	case u.Care.State != InCare || k.Status != rotation.Active:
		return clear
	}
	s, newest := u.Care.Schedule, u.newest()
	due, what := s.Due(rotation.Key{ID: k.ID, Status: k.Status, Created: k.Created}), "its successor"
	if k.ID != newest.ID {
		due, what = k.Created.Add(s.DeactivateAfter), "its deactivation"
		if whole := newest.Created.Add(s.Grace()); whole.After(due) {
			due = whole
		}
	}
	if due.IsZero() || !u.now.After(due.Add(slack(s))) {
		return clear
	}
	return found("%s was due %s ago", what, span(u.now.Sub(due)))
}

func age90(u view, k Key) verdict {
	if k.Status != rotation.Active || u.Root || k.Age(u.now) <= rotatedWithin {
		return clear
	}
	return found("made %s ago", span(k.Age(u.now)))
}

func unusedFor(bound time.Duration) func(view, Key) verdict {
	return func(u view, k Key) verdict {
		since, word := k.Used.At, "last used"
		if since.IsZero() {
			since, word = k.Created, "no use on record, made"
		}
		switch {
		case k.Status != rotation.Active || u.Root || k.Age(u.now) < bound: // then it cannot have been unused for so long
			return clear
		case !k.UsedKnown:
			return unclear
		case u.now.Sub(since) < bound:
			return clear
		}
		return found("%s %s ago", word, span(u.now.Sub(since)))
	}
}

func neverUsed(u view, k Key) verdict {
	switch {
	case k.Status != rotation.Active || u.Root || k.Age(u.now) < settled:
		return clear
	case !k.UsedKnown:
		return unclear
	case !k.Used.At.IsZero():
		return clear
	}
	return found("no use on record, made %s ago", span(k.Age(u.now)))
}

func madeWithUser(u view, k Key) verdict {
	v := neverUsed(u, k)
	switch {
	case v.fact == No || u.Console == No || k.Created.Sub(u.Created) > sameTime:
		return clear
	case v.fact == Unknown || u.Console == Unknown:
		return unclear
	}
	return found("made with the user, which has a console password; no use on record")
}

func twoActive(u view) verdict {
	switch n := len(u.active()); {
	case u.Root:
		return clear
	case !u.Listed:
		return unclear
	case n < 2:
		return clear
	case u.Care.State == InCare && u.now.Sub(u.newest().Created) <= u.Care.Schedule.Grace()+slack(u.Care.Schedule):
		return found("%d; the newer is %s old: an overlap of keyturn's, which ends by itself", n, span(u.newest().Age(u.now)))
	default:
		return found("%d", n)
	}
}

func lingers(u view, k Key) verdict {
	if k.Status == rotation.Active || u.Root {
		return clear
	}
	if s := u.Care.Schedule; u.Care.State == InCare && k.Age(u.now) <= s.DeleteAfter+slack(s) {
		return clear // in its retention: keyturn deletes it
	}
	return found("%s, made %s ago", k.Status, span(k.Age(u.now)))
}

func stackKey(u view, k Key) verdict {
	switch {
	case k.Stack == Unknown && !u.Root:
		return unclear
	case k.Stack == Yes:
		return found("the stack %s", k.StackName)
	}
	return clear
}

func stackKeyInCare(u view, k Key) verdict {
	if u.Care.State == InCare || u.Care.State == CareUnknown && k.Stack != No {
		return both(stackKey(u, k), u.Care.State == InCare)
	}
	return clear
}

// both keeps a verdict when something else is so, too; otherwise that is unknown.
func both(v verdict, certain bool) verdict {
	if v.fact == Yes && !certain {
		return unclear
	}
	return v
}

// mail are the actions that sending takes.
var mail = []string{"ses:sendemail", "ses:sendrawemail"}

// smtpName is how the SES console names the users that it makes for SMTP.
const smtpName = "ses-smtp-user"

func smtpUser(u view) verdict {
	switch {
	case u.Root || u.Listed && len(u.Keys) == 0:
		return clear
	case strings.HasPrefix(strings.ToLower(u.Name), smtpName):
		return found("its name begins with %s", smtpName)
	case !u.Detailed:
		return unclear
	case allowedOnly(u.Allowed, mail...):
		return found("its policies allow only %s", strings.Join(u.Allowed, " and "))
	}
	return clear // policies that could not be read make nobody an SMTP user
}

func smtpUserInCare(u view) verdict {
	switch v := smtpUser(u); {
	case u.Care.State == InCare:
		return v
	case u.Care.State == CareUnknown:
		return both(v, false)
	}
	return clear
}

// allowedOnly reports whether a user may do something, and nothing but these actions.
func allowedOnly(allowed []string, actions ...string) bool {
	for _, a := range allowed {
		if !slices.Contains(actions, a) {
			return false
		}
	}
	return len(allowed) > 0
}

// span is a duration in its largest unit, rounded down: ages matter here by the day.
func span(d time.Duration) string {
	switch {
	case d >= day:
		return fmt.Sprintf("%dd", d/day)
	case d >= time.Hour:
		return fmt.Sprintf("%dh", d/time.Hour)
	case d >= time.Minute:
		return fmt.Sprintf("%dm", d/time.Minute)
	}
	return fmt.Sprintf("%ds", d/time.Second)
}
