package api

import (
	"time"

	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/rotation"
)

// Action is one step that was taken, or will be.
type Action struct {
	Action    string `json:"action" doc:"What is done." example:"deactivate"`
	KeyID     string `json:"key_id" doc:"Id of the access key; empty: it is about none, or the key is still to be made."`
	VersionID string `json:"version_id" doc:"Version of the secret that it is about; empty: none."`
	Why       string `json:"why" doc:"The reason that the operator gave; empty: none."`
}

func actionOf(a rotation.Action) Action {
	return Action{string(a.Kind), a.KeyID, a.VersionID, a.Why}
}

func (a Action) action() rotation.Action {
	return rotation.Action{Kind: rotation.ActionKind(a.Action), KeyID: a.KeyID, VersionID: a.VersionID, Why: a.Why}
}

// Foresight is what a request would do.
type Foresight struct {
	Account         string      `json:"account" doc:"AWS account."`
	User            string      `json:"user" doc:"Name of the IAM user."`
	Refused         string      `json:"refused" doc:"Why it cannot be carried out, however long one waits; empty: it can."`
	Stands          bool        `json:"stands" doc:"What is asked for is so already: nothing would be done."`
	Reason          string      `json:"reason" doc:"Of the first step."`
	Meaning         string      `json:"meaning" doc:"The reason in a sentence."`
	KeyID           string      `json:"key_id" doc:"Id of the key that the reason is about; empty: none."`
	Detail          string      `json:"detail" doc:"More about the reason."`
	Now             []Action    `json:"now" doc:"What would be done first; none: it has to wait for what reason says."`
	Begins          *time.Time  `json:"begins" doc:"When that begins."`
	Then            []Step      `json:"then" doc:"What lies ahead after that."`
	Keys            []AccessKey `json:"keys" doc:"Which key is which now."`
	At              *time.Time  `json:"at" doc:"AWS's time of the reading."`
	SettlingSeconds float64     `json:"settling_seconds" doc:"AWS was changed a moment ago, and this may show how it was before; a reading is sure once so much time has passed. 0: it is sure."`
}

// ForesightOf is a foresight on the wire.
func ForesightOf(f fleet.Foresight) Foresight {
	return Foresight{Account: f.User.Account, User: f.User.Name, Refused: f.Refused, Stands: f.Stands, Reason: string(f.Reason),
		Meaning: Sentence(f.Reason, f.KeyID, f.Detail), KeyID: f.KeyID, Detail: f.Detail, Now: each(f.Now, actionOf), Begins: stamp(f.Begins),
		Then: StepsOf(f.Then), Keys: each(f.Keys, keyOf), At: stamp(f.At), SettlingSeconds: seconds(f.Settling)}
}

// Foresight is the reverse of ForesightOf.
func (f Foresight) Foresight() fleet.Foresight {
	return fleet.Foresight{User: rotation.User{Account: f.Account, Name: f.User}, Refused: f.Refused, Stands: f.Stands,
		Reason: rotation.Reason(f.Reason), KeyID: f.KeyID, Detail: f.Detail, Now: each(f.Now, Action.action), Begins: unstamp(f.Begins),
		Then: each(f.Then, Step.forecasted), Keys: each(f.Keys, AccessKey.key), At: unstamp(f.At), Settling: span(f.SettlingSeconds)}
}

// Answer is what came of a request.
type Answer struct {
	Account string      `json:"account" doc:"AWS account."`
	User    string      `json:"user" doc:"Name of the IAM user; empty: it was about everybody."`
	Done    bool        `json:"done" doc:"It was carried out, or nothing was left to do."`
	Reason  string      `json:"reason" doc:"Of what was done, or why it was not." example:"asked"`
	Meaning string      `json:"meaning" doc:"The reason in a sentence, with what to do about it."`
	KeyID   string      `json:"key_id" doc:"Id of the key that the reason is about; empty: none."`
	Detail  string      `json:"detail" doc:"More about the reason."`
	Actions []Action    `json:"actions" doc:"Taken, in order."`
	Keys    []AccessKey `json:"keys" doc:"Which key is which now."`
	Refused string      `json:"refused" doc:"Why it is of no use to ask again; empty: it is done, or may be later."`
	Recheck *time.Time  `json:"recheck" doc:"When to ask again, if it is not done."`
	At      *time.Time  `json:"at" doc:"AWS's time of the answer."`
	Error   string      `json:"error" doc:"What failed; empty: nothing did. What AWS said is shown to keys with the scope admin only."`
	Then    []Step      `json:"then" doc:"What lies ahead."`
	Since   int64       `json:"since" doc:"Of a rotation that is not done: pass it on with the next request for it, as the parameter since, so that a new key which came meanwhile counts. 0: there is nothing to pass on."`
}

// AnswerOf is an answer on the wire.
func AnswerOf(a fleet.Answer) Answer {
	return Answer{Account: a.User.Account, User: a.User.Name, Done: a.Done, Reason: string(a.Reason),
		Meaning: Sentence(a.Reason, a.KeyID, a.Detail), KeyID: a.KeyID, Detail: a.Detail, Actions: each(a.Actions, actionOf),
		Keys: each(a.Keys, keyOf), Refused: a.Refused, Recheck: stamp(a.Recheck), At: stamp(a.At), Error: a.Error, Then: StepsOf(a.Then), Since: a.Since}
}

// Answer is the reverse of AnswerOf.
func (a Answer) Answer() fleet.Answer {
	return fleet.Answer{User: rotation.User{Account: a.Account, Name: a.User}, Done: a.Done, Reason: rotation.Reason(a.Reason), KeyID: a.KeyID,
		Detail: a.Detail, Actions: each(a.Actions, Action.action), Keys: each(a.Keys, AccessKey.key), Refused: a.Refused,
		Recheck: unstamp(a.Recheck), At: unstamp(a.At), Error: a.Error, Then: each(a.Then, Step.forecasted), Since: a.Since}
}

// Rotation is one rotation that was asked for, and how it stands.
type Rotation struct {
	ID       string  `json:"id" doc:"Of the rotation; valid across restarts of the server."`
	Account  string  `json:"account" doc:"AWS account."`
	User     string  `json:"user" doc:"Name of the IAM user."`
	State    string  `json:"state" doc:"How it stands. Running: it is under way, or waits for its turn. Done: a new key was promoted since it was asked for. Refused: a person has to act first. Waiting: it was not possible in time; ask again at recheck. Failed: AWS or the network failed; it is tried again at recheck if a key was begun, otherwise ask again. Interrupted: the server was restarted on the way; the next run goes on with what was begun. Lapsed: the server was restarted before anything was begun; ask again." enum:"running,done,refused,waiting,failed,interrupted,lapsed"`
	Detail   string  `json:"detail" doc:"The state in a sentence, with what to do about it."`
	KeyID    string  `json:"key_id" doc:"Id of the new access key, once it is done."`
	Answer   *Answer `json:"answer,omitempty" doc:"What came of it, once it ended; absent while it runs and after a restart."`
	Quota    Quota   `json:"quota" doc:"How many rotations the user has left."`
	Location string  `json:"location" doc:"Path of this resource." example:"/v1/users/123456789012:ci-deploy/rotations/r17-4f9k2m"`
}

// The states of a Rotation.
const (
	Running     = "running"
	Done        = "done"
	Refused     = "refused"
	Waiting     = "waiting"
	Failed      = "failed"
	Interrupted = "interrupted"
	Lapsed      = "lapsed"
)

// Quota is how many rotations a user has left: Secrets Manager keeps every version of a secret for a day at least, and bounds how many.
type Quota struct {
	Limit     int        `json:"limit" doc:"Rotations within 24 hours, scheduled ones included." example:"140"`
	Remaining int        `json:"remaining" doc:"How many are left now." example:"131"`
	Next      *time.Time `json:"next" doc:"When the next one is free; null: one is now."`
}

// Lifted is what came of letting everybody's scheduled changes go on.
type Lifted struct {
	Lifted string `json:"lifted" doc:"What held them back and was ended; empty: nothing did."`
}

// QuotaOf is a quota on the wire.
func QuotaOf(q fleet.Quota) Quota { return Quota{q.Limit, max(0, q.Left), stamp(q.Next)} }
