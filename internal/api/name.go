package api

import (
	"strings"

	"github.com/keyturn/keyturn/internal/rotation"
)

// In the API a user is NAME or ACCOUNT:NAME, as a name can be part of a path like that; on the command line, and for a [fleet.Desk], it is
// NAME or ACCOUNT/NAME. IAM allows neither sign in a name. It does allow the names . and .., which would be steps in a path: they need
// the colon, with the account or with nothing before it.

// DeskName is what a Desk calls the user of a path, which was unescaped already.
func DeskName(path string) string {
	account, name, found := strings.Cut(path, ":")
	switch {
	case !found:
		return path
	case account == "":
		return name
	}
	return account + "/" + name
}

// PathName is what a path calls a user of a Desk, before it is escaped.
func PathName(desk string) string {
	if account, name, found := strings.Cut(desk, "/"); found {
		return account + ":" + name
	}
	if desk == "." || desk == ".." {
		return ":" + desk
	}
	return desk
}

// Path is what a path calls a user, before it is escaped.
func Path(u rotation.User) string { return u.Account + ":" + u.Name }
