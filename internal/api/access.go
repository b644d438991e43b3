package api

import (
	"net/netip"
	"strconv"
	"time"

	"github.com/keyturn/keyturn/internal/rotation"
	"github.com/keyturn/keyturn/internal/store"
)

// Access is one read of a credential.
type Access struct {
	Seq     string     `json:"seq" doc:"Grows from record to record; a string, as it is too large for a number in some languages."`
	At      *time.Time `json:"at" doc:"When."`
	Account string     `json:"account" doc:"Of the user."`
	User    string     `json:"user" doc:"Whose credential it was."`
	Caller  string     `json:"caller" doc:"Id of the API key, or AWS identity." example:"4fT9kQ2mZx"`
	KeyID   string     `json:"key_id" doc:"The access key."`
	From    string     `json:"from" doc:"Address; empty: unknown."`
	Route   string     `json:"route" doc:"How it was read." example:"GET /v1/credentials/{user}"`
}

// Accesses are a page of them.
type Accesses struct {
	Accesses []Access `json:"accesses" nullable:"false" doc:"The newest first."`
	Next     string   `json:"next" doc:"For the page of older ones: before=NEXT. Empty: there is none."`
}

// AccessOf is an access on the wire.
func AccessOf(a store.AccessLine) Access {
	from := ""
	if a.From.IsValid() {
		from = a.From.String()
	}
	return Access{Seq: strconv.FormatInt(a.Seq, 10), At: stamp(a.At), Account: a.User.Account, User: a.User.Name, Caller: a.Caller,
		KeyID: a.AccessKeyID, From: from, Route: a.Route}
}

// Line is the access as the database has it.
func (a Access) Line() store.AccessLine {
	out := store.AccessLine{Access: store.Access{Caller: a.Caller, User: rotation.User{Account: a.Account, Name: a.User}, AccessKeyID: a.KeyID,
		Route: a.Route}}
	out.Seq, _ = strconv.ParseInt(a.Seq, 10, 64) // 0 when it is none
	out.From, _ = netip.ParseAddr(a.From)        // the zero address when it is none
	if a.At != nil {
		out.At = *a.At
	}
	return out
}
