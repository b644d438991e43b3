package fleet

import (
	"cmp"
	"slices"
	"strings"

	"github.com/keyturn/keyturn/internal/rotation"
)

// directory finds users by what people call them. It never changes, so it needs no lock. It is two lists and no map: it is made anew at each
// discovery, beside the one of before.
type directory struct {
	users  []rotation.User // by account and name
	byName []int32         // places in users, by name and account
}

func byAccount(a, b rotation.User) int {
	return cmp.Or(strings.Compare(a.Account, b.Account), strings.Compare(a.Name, b.Name))
}

// newDirectory is of members in any order.
func newDirectory(members []Member) *directory {
	d := &directory{users: make([]rotation.User, len(members)), byName: make([]int32, len(members))}
	for i, m := range members {
		d.users[i], d.byName[i] = m.User, int32(i) //nolint:gosec // an account has 5,000 users by default, and no more than some 100,000
	}
	slices.SortFunc(d.users, byAccount)
	slices.SortFunc(d.byName, func(i, j int32) int {
		return cmp.Or(strings.Compare(d.users[i].Name, d.users[j].Name), cmp.Compare(i, j))
	})
	return d
}

// find takes a name, :name, account:name or account/name; of a name that several accounts have it gives the first by account. IAM allows
// neither sign in a name; one that is . or .. cannot stand in a path without the colon.
func (d *directory) find(name string) (rotation.User, bool) {
	at := strings.IndexAny(name, ":/")
	if at < 0 || at == 0 && name[0] == ':' {
		bare := name[at+1:]
		i, ok := slices.BinarySearchFunc(d.byName, bare, func(i int32, name string) int { return strings.Compare(d.users[i].Name, name) })
		if !ok {
			return rotation.User{}, false
		}
		return d.users[d.byName[i]], true
	}
	i, ok := slices.BinarySearchFunc(d.users, rotation.User{Account: name[:at], Name: name[at+1:]}, byAccount)
	if !ok {
		return rotation.User{}, false
	}
	return d.users[i], true
}

// Users are those under care, by account and name, without I/O and without a lock. Nobody changes them.
func (k *Keeper) Users() []rotation.User {
	if d := k.names.Load(); d != nil {
		return d.users
	}
	return nil
}

// Find gives the user under care of a name, :name, account:name or account/name, without I/O and without a lock. The error is an
// *UnknownUserError that says nothing else: looking for names that are much alike takes long among many.
func (k *Keeper) Find(name string) (rotation.User, error) {
	if d := k.names.Load(); d != nil {
		if u, ok := d.find(name); ok {
			return u, nil
		}
	}
	return rotation.User{}, &UnknownUserError{Name: name}
}
