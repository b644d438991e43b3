package api

import (
	"time"

	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/rotation"
)

// Step is one step that will be taken if nobody interferes.
type Step struct {
	At     *time.Time `json:"at" doc:"When it is taken."`
	Action string     `json:"action" doc:"What is done." example:"create-key"`
	KeyID  string     `json:"key_id" doc:"Id of the key that it is about; one that is not among the user's keys is still to be made."`
	Reason string     `json:"reason" doc:"Why." example:"due"`
}

func stepOf(f rotation.Forecasted) Step {
	return Step{stamp(f.At), string(f.Action), f.KeyID, string(f.Reason)}
}

func (s Step) forecasted() rotation.Forecasted {
	return rotation.Forecasted{At: unstamp(s.At), Action: rotation.ActionKind(s.Action), KeyID: s.KeyID, Reason: rotation.Reason(s.Reason)}
}

// StepsOf is a forecast on the wire.
func StepsOf(all []rotation.Forecasted) []Step { return each(all, stepOf) }

// PlanKey is an access key that exists now.
type PlanKey struct {
	ID      string     `json:"id" doc:"Id of the access key."`
	Status  string     `json:"status" doc:"Status as IAM words it." enum:"Active,Inactive,Expired"`
	Created *time.Time `json:"created" doc:"When IAM made it."`
}

// Ahead is what lies ahead of one user.
type Ahead struct {
	Account string     `json:"account" doc:"AWS account."`
	User    string     `json:"user" doc:"Name of the IAM user."`
	Steps   []Step     `json:"steps" doc:"What will be done; none: nothing can be, and reason says why."`
	Keys    []PlanKey  `json:"keys" doc:"The keys that exist now."`
	Reason  string     `json:"reason" doc:"Why the user is as it is."`
	Meaning string     `json:"meaning" doc:"The reason in a sentence, with what to do about it."`
	KeyID   string     `json:"key_id" doc:"Id of the key that the reason is about; empty: none."`
	Detail  string     `json:"detail" doc:"More about the reason."`
	Recheck *time.Time `json:"recheck" doc:"When it is looked at again."`
	At      *time.Time `json:"at" doc:"AWS's time of the reading; null: AWS could not be read."`
	Error   string     `json:"error" doc:"Why this user could not be read; empty: it was. What AWS said is shown to keys with the scope admin only."`
}

// AheadOf is what lies ahead, on the wire.
func AheadOf(a fleet.Ahead) Ahead {
	return Ahead{Account: a.User.Account, User: a.User.Name, Steps: StepsOf(a.Steps), Keys: each(a.Keys, func(k rotation.Key) PlanKey {
		return PlanKey{k.ID, string(k.Status), stamp(k.Created)}
	}), Reason: string(a.Reason), Meaning: Sentence(a.Reason, a.KeyID, a.Detail), KeyID: a.KeyID, Detail: a.Detail,
		Recheck: stamp(a.Recheck), At: stamp(a.At), Error: a.Error}
}

// Ahead is the reverse of AheadOf.
func (a Ahead) Ahead() fleet.Ahead {
	return fleet.Ahead{User: rotation.User{Account: a.Account, Name: a.User}, Steps: each(a.Steps, Step.forecasted),
		Keys: each(a.Keys, func(k PlanKey) rotation.Key {
			return rotation.Key{ID: k.ID, Status: rotation.KeyStatus(k.Status), Created: unstamp(k.Created)}
		}), Reason: rotation.Reason(a.Reason), KeyID: a.KeyID, Detail: a.Detail, Recheck: unstamp(a.Recheck), At: unstamp(a.At), Error: a.Error}
}

// Plan is one page of what lies ahead.
type Plan struct {
	Users []Ahead `json:"users" doc:"By account and name."`
	Next  string  `json:"next" doc:"Give it as cursor for the next page; empty: this is the last one."`
}
