package api

import (
	"time"

	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/rotation"
)

// Event is one line of history.
type Event struct {
	Seq     int64      `json:"seq" doc:"Grows as events end; 0: no outcome is recorded, so it is under way or its run died at it."`
	At      *time.Time `json:"at" doc:"When it ended, or began if no outcome is recorded."`
	Account string     `json:"account" doc:"AWS account."`
	User    string     `json:"user" doc:"Name of the IAM user."`
	Run     string     `json:"run" doc:"Id of the run that did it."`
	Action  string     `json:"action" doc:"What was done." example:"promote"`
	Reason  string     `json:"reason" doc:"Why." example:"due"`
	KeyID   string     `json:"key_id" doc:"Id of the access key; empty: it is about none."`
	Outcome string     `json:"outcome" doc:"How it ended; empty: none is recorded. Unknown: it may have taken effect, and is looked at again." enum:"done,failed,unknown,"`
	Detail  string     `json:"detail" doc:"More for a person. What AWS said of a failure is shown to keys with the scope admin only."`
}

// EventOf is a happening on the wire.
func EventOf(h fleet.Happening) Event {
	return Event{h.Seq, stamp(h.At), h.User.Account, h.User.Name, h.Run, string(h.Action), string(h.Reason), h.KeyID, string(h.Outcome), h.Detail}
}

// Happening is the reverse of EventOf.
func (e Event) Happening() fleet.Happening {
	return fleet.Happening{Seq: e.Seq, At: unstamp(e.At), User: rotation.User{Account: e.Account, Name: e.User}, Run: e.Run,
		Action: rotation.ActionKind(e.Action), Reason: rotation.Reason(e.Reason), KeyID: e.KeyID, Outcome: rotation.Outcome(e.Outcome),
		Detail: e.Detail}
}

// Events is one page of history.
type Events struct {
	Events []Event `json:"events" doc:"Oldest first."`
	Next   int64   `json:"next" doc:"Give it as after for what ends after these."`
}
