package awssim

import (
	"time"
)

const keysPerUser = 2

func createAccessKey(x *exec) *apiError {
	s, fault := x.writeTarget(true)
	if fault != nil {
		return fault
	}
	if len(s.state().keys) >= keysPerUser {
		return fail(409, "LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: %d", keysPerUser)
	}
	k := x.w.addKey(s, x.by, x.now)
	x.w.ruleCreate(x.by, k)
	x.xml.open("AccessKey")
	x.xml.text("UserName", s.name)
	x.xml.text("AccessKeyId", k.id)
	x.xml.text("Status", active)
	x.xml.text("SecretAccessKey", k.secret)
	x.xml.date("CreateDate", k.created)
	x.xml.close("AccessKey")
	return nil
}

func listAccessKeys(x *exec) *apiError {
	u, fault := x.readTarget(true)
	if fault != nil {
		return fault
	}
	size, fault := x.pageSize(x.q.Get("MaxItems"), 100, 1000)
	if fault != nil {
		return fault
	}
	after, fault := x.marker()
	if fault != nil {
		return fault
	}
	// Keys are in order of creation, so a page begins after the key that the marker names.
	keys := u.keys
	for i := range keys {
		if keys[i].id == after {
			keys = keys[i+1:]
			break
		}
	}
	if len(keys) > size {
		keys = keys[:size]
		x.setMarker(keys[size-1].id)
	}
	x.xml.open("AccessKeyMetadata")
	for _, k := range keys {
		x.xml.open("member")
		x.xml.text("UserName", u.name)
		x.xml.text("AccessKeyId", k.id)
		x.xml.text("Status", statusWord(k.active))
		x.xml.date("CreateDate", k.created)
		x.xml.close("member")
	}
	x.xml.close("AccessKeyMetadata")
	x.truncated()
	return nil
}

func statusWord(isActive bool) string {
	if isActive {
		return active
	}
	return inactive
}

// ownKey is the key that a call names, which must be the user's.
func (x *exec) ownKey() (*key, *apiError) {
	s, fault := x.writeTarget(true)
	if fault != nil {
		return nil, fault
	}
	id := x.q.Get("AccessKeyId")
	if !keyIDs.MatchString(id) {
		return nil, unmatched(id, "accessKeyId", `[\w]+`)
	}
	k := x.w.keys[id]
	if k == nil || k.session != nil || k.user != s {
		return nil, noSuchKey(id)
	}
	return k, nil
}

func updateAccessKey(x *exec) *apiError {
	status := x.q.Get("Status")
	switch status {
	case active, inactive:
	case "Expired":
		return fail(400, "InvalidInput", "The status of an access key cannot be set to Expired.")
	default:
		return validation("1 validation error detected: Value '%s' at 'status' failed to satisfy constraint: "+
			"Member must satisfy enum value set: [Active, Inactive, Expired]", status)
	}
	k, fault := x.ownKey()
	if fault != nil {
		return fault
	}
	x.w.ruleStatus(x.by, k, status, x.now)
	x.w.setStatus(k, status, x.now)
	return nil
}

func deleteAccessKey(x *exec) *apiError {
	k, fault := x.ownKey()
	if fault != nil {
		return fault
	}
	x.w.ruleDelete(x.by, k, x.now)
	x.w.removeKey(k, x.now)
	return nil
}

func getAccessKeyLastUsed(x *exec) *apiError {
	id := x.q.Get("AccessKeyId")
	if !keyIDs.MatchString(id) {
		return unmatched(id, "accessKeyId", `[\w]+`)
	}
	k := x.w.keys[id]
	if k == nil || k.session != nil {
		return noSuchKey(id)
	}
	use := k.used
	if use.at.After(x.w.moment(x, id, &k.user.reads)) {
		use = k.was
	}
	x.xml.text("UserName", k.user.name)
	x.xml.open("AccessKeyLastUsed")
	if use.at.IsZero() {
		x.xml.text("Region", "N/A")
		x.xml.text("ServiceName", "N/A")
	} else {
		x.xml.text("Region", use.region)
		x.xml.text("ServiceName", use.service)
		x.xml.date("LastUsedDate", use.at.Truncate(x.w.cfg.scaled(time.Minute)))
	}
	x.xml.close("AccessKeyLastUsed")
	return nil
}
