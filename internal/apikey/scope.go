package apikey

import (
	"fmt"
	"slices"
	"strings"
)

// Scope is one thing that a caller may do.
type Scope string

// The scopes. None implies another.
const (
	ReadCredentials   Scope = "credentials:read"   // fetch the current credentials of a user
	ExportCredentials Scope = "credentials:export" // fetch those of all users at once
	Rotate            Scope = "rotate"             // rotate now
	Operate           Scope = "operate"            // roll back, revoke, adopt, pause, resume
	ReadEvents        Scope = "events:read"        // users, their timelines, the plan, events
	ReadMetrics       Scope = "metrics:read"       // /metrics
	Admin             Scope = "admin"              // API keys; gives no credentials
)

// Scopes are all of them, in the order in which they are shown.
var Scopes = []Scope{ReadCredentials, ExportCredentials, Rotate, Operate, ReadEvents, ReadMetrics, Admin}

// AboutUsers reports whether the scope is limited to users: a caller with it and without a user glob can do nothing.
func (s Scope) AboutUsers() bool { return s != ReadMetrics && s != Admin }

// ParseScope takes a scope by its name.
func ParseScope(s string) (Scope, error) {
	if slices.Contains(Scopes, Scope(s)) {
		return Scope(s), nil
	}
	names := make([]string, len(Scopes))
	for i, n := range Scopes {
		names[i] = string(n)
	}
	return "", fmt.Errorf("%w: there is no scope %q; the scopes are %s", ErrInvalid, s, strings.Join(names, ", "))
}
