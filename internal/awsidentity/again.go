package awsidentity

import (
	"context"
	"net/netip"
	"strings"

	"github.com/keyturn/keyturn/internal/apikey"
)

// Again tells who a caller is by now that Authenticate let in, for an answer that takes long. A proof is good once, so it is not shown
// again: the caller goes on as long as it was let in for, while its identity is still let in, with what that may do by now.
func (v *Verifier) Again(was *apikey.Caller) (*apikey.Caller, error) {
	if !v.now().Before(was.Expires) {
		return nil, refuse("it was signed more than %s ago: sign again", outlives)
	}
	account, unique, _ := strings.Cut(strings.TrimPrefix(was.ID, callerPrefix), ":")
	id := (*v.known.Load())[[2]string{account, unique}]
	if id == nil {
		return nil, refuse("it proves %s of the account %s (%s), which api.aws_identities does not name any more", unique, account, was.Name)
	}
	return &apikey.Caller{ID: was.ID, Name: was.Name, Scopes: id.Scopes, Users: id.Users, Expires: was.Expires}, nil
}

// AgainOr gives Again for who showed a proof, and leaves everybody else to another authentication.
func (v *Verifier) AgainOr(other Authenticator) func(context.Context, *apikey.Caller, string, netip.Addr) (*apikey.Caller, error) {
	return func(ctx context.Context, was *apikey.Caller, text string, from netip.Addr) (*apikey.Caller, error) {
		if v == nil || !IsProof(text) {
			return other(ctx, text, from)
		}
		return v.Again(was)
	}
}
