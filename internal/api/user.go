package api

import (
	"time"

	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/rotation"
)

// AccessKey is one access key of a user.
type AccessKey struct {
	ID      string     `json:"id" doc:"Id of the access key." example:"AKIAIOSFODNN7EXAMPLE"`
	Status  string     `json:"status" doc:"Status as IAM words it." enum:"Active,Inactive,Expired"`
	Class   string     `json:"class" doc:"What the key is to keyturn: current, pending and previous are stored under that stage of the secret; a legacy key stood before keyturn's care; an orphan's secret nobody holds; a foreign key was made by someone else; undecided: too early to tell." enum:"current,pending,previous,legacy,orphan,undecided,foreign"`
	Created *time.Time `json:"created" doc:"When IAM made it."`
}

func keyOf(k rotation.ClassifiedKey) AccessKey {
	return AccessKey{k.ID, string(k.Status), string(k.Class), stamp(k.Created)}
}

func (k AccessKey) key() rotation.ClassifiedKey {
	return rotation.ClassifiedKey{Key: rotation.Key{ID: k.ID, Status: rotation.KeyStatus(k.Status), Created: unstamp(k.Created)},
		Class: rotation.Class(k.Class)}
}

// User is how one user stood when it was last looked at.
type User struct {
	Account          string      `json:"account" doc:"AWS account." example:"123456789012"`
	User             string      `json:"user" doc:"Name of the IAM user." example:"ci-deploy"`
	CurrentKeyID     string      `json:"current_key_id" doc:"Id of the key that AWSCURRENT names; empty: none, or not known."`
	Keys             []AccessKey `json:"keys" doc:"The user's access keys."`
	Standing         string      `json:"standing" doc:"How it stands, in one word. Blocked: a person has to act. Failed: the last run did, and it is tried again. Held: changes are held back. Waiting: its next step has to wait for something beyond the schedule." enum:"fine,waiting,held,blocked,failed"`
	Reason           string      `json:"reason" doc:"Why the last decision was taken; one that begins with blocked- needs a person." example:"grace"`
	Meaning          string      `json:"meaning" doc:"The reason in a sentence, with what to do about it."`
	LastError        string      `json:"last_error" doc:"What failed in the last run; empty: nothing. What AWS said is shown to keys with the scope admin only."`
	Failures         int         `json:"failures" doc:"Runs that failed in a row."`
	LookedAt         *time.Time  `json:"looked_at" doc:"When it was last looked at; null: not yet."`
	NextAction       string      `json:"next_action" doc:"What is done next; empty: nothing is known to be." example:"deactivate"`
	NextAt           *time.Time  `json:"next_at" doc:"When that is done."`
	Recheck          *time.Time  `json:"recheck" doc:"When it is looked at again."`
	Due              *time.Time  `json:"due" doc:"When the current key is to be replaced; null: not known here."`
	GraceSeconds     float64     `json:"grace_seconds" doc:"How long a replaced key goes on working; 0: not known here."`
	RetentionSeconds float64     `json:"retention_seconds" doc:"How long a key stays Inactive before it is deleted; 0: not known here."`
	LateSeconds      float64     `json:"late_seconds" doc:"For how long the look has been overdue; 0: it is not."`
}

// UserOf is a state on the wire.
func UserOf(s fleet.State) User {
	return User{
		Account: s.User.Account, User: s.User.Name, CurrentKeyID: s.CurrentKeyID, Keys: each(s.Keys, keyOf), Standing: string(s.Standing),
		Reason: string(s.Reason), Meaning: Sentence(s.Reason, "", ""), LastError: s.LastError, Failures: s.Failures, LookedAt: stamp(s.At),
		NextAction: string(s.NextAction), NextAt: stamp(s.NextAt), Recheck: stamp(s.Recheck), Due: stamp(s.Due),
		GraceSeconds: seconds(s.Grace), RetentionSeconds: seconds(s.Retention), LateSeconds: seconds(s.Late),
	}
}

// State is the reverse of UserOf.
func (u User) State() fleet.State {
	return fleet.State{
		User: rotation.User{Account: u.Account, Name: u.User}, CurrentKeyID: u.CurrentKeyID, Keys: each(u.Keys, AccessKey.key),
		Standing: fleet.Standing(u.Standing), Reason: rotation.Reason(u.Reason), LastError: u.LastError, Failures: u.Failures,
		At: unstamp(u.LookedAt), NextAction: rotation.ActionKind(u.NextAction), NextAt: unstamp(u.NextAt), Recheck: unstamp(u.Recheck),
		Due: unstamp(u.Due), Grace: span(u.GraceSeconds), Retention: span(u.RetentionSeconds), Late: span(u.LateSeconds),
	}
}

// Users is one page of users.
type Users struct {
	Users []User `json:"users" doc:"By account and name."`
	Next  string `json:"next" doc:"Give it as cursor for the next page; empty: this is the last one."`
}

// UserDetail is all that is known of one user.
type UserDetail struct {
	User
	Stages        map[string]string `json:"stages" doc:"Staging label of the secret → id of the access key that it names." example:"{\"AWSCURRENT\":\"AKIAIOSFODNN7EXAMPLE\"}"`
	Timeline      []Event           `json:"timeline" doc:"The newest events of this user, oldest first."`
	Forecast      []Step            `json:"forecast" doc:"What lies ahead, by the plan that will do it, read from AWS now."`
	ForecastError string            `json:"forecast_error" doc:"Why nothing could be forecast; empty: it could."`
}

// UnknownUser is more about a name that no user has.
type UnknownUser struct {
	Name    string `json:"name" doc:"As it was asked for."`
	Why     string `json:"why" doc:"Why the user is not selected, when it exists; empty: it does not."`
	Nearest string `json:"nearest" doc:"A name that is much like it; empty: none is."`
	Unseen  bool   `json:"unseen" doc:"Asked of what runs have seen, and no run has looked at it."`
}

// StagesOf gives which key each staging label names, as far as classes tell.
func StagesOf(keys []rotation.ClassifiedKey) map[string]string {
	out := map[string]string{}
	for _, k := range keys {
		switch k.Class {
		case rotation.ClassCurrent:
			out[rotation.StageCurrent] = k.ID
		case rotation.ClassPending:
			out[rotation.StagePending] = k.ID
		case rotation.ClassPrevious:
			out[rotation.StagePrevious] = k.ID
		}
	}
	return out
}
