package awssim

import (
	"slices"
	"strings"
)

const tagsPerUser = 50

func createUser(x *exec) *apiError {
	name, path := x.q.Get("UserName"), x.q.Get("Path")
	if path == "" {
		path = "/"
	}
	if !userNames.MatchString(name) {
		return unmatched(name, "userName", `[\w+=,.@-]+`)
	}
	if !userPaths.MatchString(path) {
		return unmatched(path, "path", `(\u002F)|(\u002F[\u0021-\u007E]+\u002F)`)
	}
	tags, fault := x.queryTags()
	if fault != nil {
		return fault
	}
	if len(tags) > tagsPerUser {
		return fail(409, "LimitExceeded", "The number of tags has reached the maximum limit.")
	}
	for _, other := range x.w.userNames {
		if strings.EqualFold(other, name) {
			return fail(409, "EntityAlreadyExists", "User with name %s already exists.", name)
		}
	}
	s := x.w.addUser(name, path, tags, x.now)
	x.xml.open("User")
	x.writeUser(s.state())
	if len(tags) > 0 {
		x.writeTags(tags)
	}
	x.xml.close("User")
	return nil
}

func (x *exec) writeUser(u *userState) {
	x.xml.text("Path", u.path)
	x.xml.text("UserName", u.name)
	x.xml.text("UserId", u.id)
	x.xml.text("Arn", x.w.userARN(u))
	x.xml.date("CreateDate", u.created)
}

func getUser(x *exec) *apiError {
	u, fault := x.readTarget(true)
	if fault != nil {
		return fault
	}
	x.xml.open("User")
	x.writeUser(u)
	if len(u.tags) > 0 {
		x.writeTags(u.tags)
	}
	x.xml.close("User")
	return nil
}

func deleteUser(x *exec) *apiError {
	s, fault := x.writeTarget(true)
	if fault != nil {
		return fault
	}
	u := s.state()
	what := ""
	switch {
	case len(u.keys) > 0:
		what = "access keys"
	case len(u.attached) > 0:
		what = "attached policies"
	case len(u.inline) > 0:
		what = "policies"
	case len(u.groups) > 0:
		what = "group memberships"
	}
	if what != "" {
		return fail(409, "DeleteConflict", "Cannot delete entity, must delete %s first.", what)
	}
	x.w.ruleDeleteUser(x.by, s)
	x.w.removeUser(s, x.now)
	return nil
}

func listUsers(x *exec) *apiError {
	prefix := x.q.Get("PathPrefix")
	var found []*userState
	for _, name := range x.w.userNames {
		if u := x.w.users[name].state(); strings.HasPrefix(u.path, prefix) {
			found = append(found, u)
		}
	}
	x.xml.open("Users")
	fault := x.page(len(found), func(i int) string { return found[i].name }, func(i int) {
		x.xml.open("member")
		x.writeUser(found[i])
		x.xml.close("member")
	})
	x.xml.close("Users")
	x.truncated()
	return fault
}

func tagUser(x *exec) *apiError {
	s, fault := x.writeTarget(false)
	if fault != nil {
		return fault
	}
	tags, fault := x.queryTags()
	if fault != nil {
		return fault
	}
	merged := putTags(s.state().tags, tags)
	if len(merged) > tagsPerUser {
		return fail(409, "LimitExceeded", "The number of tags has reached the maximum limit.")
	}
	s.edit(x.w, x.now, func(u *userState) { u.tags = merged })
	return nil
}

func untagUser(x *exec) *apiError {
	s, fault := x.writeTarget(false)
	if fault != nil {
		return fault
	}
	keys := x.members("TagKeys", "")
	s.edit(x.w, x.now, func(u *userState) { u.tags = dropTags(u.tags, keys) })
	return nil
}

func listUserTags(x *exec) *apiError {
	u, fault := x.readTarget(false)
	if fault != nil {
		return fault
	}
	tags := slices.Clone(u.tags)
	slices.SortFunc(tags, func(a, b Tag) int { return strings.Compare(a.Key, b.Key) })
	x.xml.open("Tags")
	fault = x.page(len(tags), func(i int) string { return tags[i].Key }, func(i int) {
		x.xml.open("member")
		x.xml.text("Key", tags[i].Key)
		x.xml.text("Value", tags[i].Value)
		x.xml.close("member")
	})
	x.xml.close("Tags")
	x.truncated()
	return fault
}
