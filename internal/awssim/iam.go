package awssim

import (
	"encoding/base64"
	"regexp"
	"strconv"
	"strings"
)

var iamOperations map[string]*operation

func init() {
	iamOperations = table(
		operation{name: "CreateUser", run: createUser},
		operation{name: "GetUser", run: getUser},
		operation{name: "DeleteUser", run: deleteUser},
		operation{name: "ListUsers", run: listUsers},
		operation{name: "TagUser", run: tagUser},
		operation{name: "UntagUser", run: untagUser},
		operation{name: "ListUserTags", run: listUserTags},
		operation{name: "CreateAccessKey", run: createAccessKey},
		operation{name: "ListAccessKeys", run: listAccessKeys},
		operation{name: "UpdateAccessKey", run: updateAccessKey},
		operation{name: "DeleteAccessKey", run: deleteAccessKey},
		operation{name: "GetAccessKeyLastUsed", run: getAccessKeyLastUsed},
		operation{name: "AttachUserPolicy", run: attachUserPolicy},
		operation{name: "DetachUserPolicy", run: detachUserPolicy},
		operation{name: "ListAttachedUserPolicies", run: listAttachedUserPolicies},
		operation{name: "PutUserPolicy", run: putUserPolicy},
		operation{name: "GetUserPolicy", run: getUserPolicy},
		operation{name: "DeleteUserPolicy", run: deleteUserPolicy},
		operation{name: "ListUserPolicies", run: listUserPolicies},
		operation{name: "ListGroupsForUser", run: listGroupsForUser},
		operation{name: "SimulatePrincipalPolicy", run: simulatePrincipalPolicy},
		operation{name: "GetAccountAuthorizationDetails", run: getAccountAuthorizationDetails},
		operation{name: "GenerateCredentialReport", run: generateCredentialReport},
		operation{name: "GetCredentialReport", run: getCredentialReport},
		operation{name: "GetAccountSummary", run: getAccountSummary},
	)
}

var (
	userNames = pattern{1, 64, regexp.MustCompile(`^[\w+=,.@-]*$`)}
	userPaths = pattern{1, 512, regexp.MustCompile(`^(/|/[!-~]+/)$`)}
	keyIDs    = pattern{16, 128, regexp.MustCompile(`^\w*$`)}
	iamTags   = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$`)
	iamTagKey = pattern{1, 128, iamTags}
	iamTagVal = pattern{0, 256, iamTags}
)

func unmatched(value, field, pattern string) *apiError {
	return validation("1 validation error detected: Value '%s' at '%s' failed to satisfy constraint: "+
		"Member must satisfy regular expression pattern: %s", value, field, pattern)
}

// target is the user that a call names, or the caller's own when it names none and may do so.
func (x *exec) target(ownAllowed bool) (*userSlot, *apiError) {
	name := x.q.Get("UserName")
	if name == "" && ownAllowed {
		if x.key.user == nil || (x.key.session != nil && strings.Contains(x.key.session.arn, ":assumed-role/")) {
			return nil, validation("Must specify userName when calling with non-User credentials")
		}
		return x.key.user, nil
	}
	s := x.w.users[name]
	switch {
	case s != nil:
		return s, nil
	case !userNames.MatchString(name):
		return nil, unmatched(name, "userName", `[\w+=,.@-]+`)
	}
	return nil, noSuchUser(name)
}

// writeTarget is the true user that a changing call names.
func (x *exec) writeTarget(ownAllowed bool) (*userSlot, *apiError) {
	s, fault := x.target(ownAllowed)
	if fault == nil && s.state() == nil {
		return nil, noSuchUser(s.name)
	}
	return s, fault
}

// readTarget is the user as a reading call may see it.
func (x *exec) readTarget(ownAllowed bool) (*userState, *apiError) {
	s, fault := x.target(ownAllowed)
	if fault != nil {
		return nil, fault
	}
	u := s.at(x.w.moment(x, s.name, &s.reads))
	if u == nil {
		return nil, noSuchUser(s.name)
	}
	return u, nil
}

// page cuts a list of n items whose i-th has the given name; names ascend, so a page begins after
// the name that the marker holds, whatever was added or removed meanwhile.
func (x *exec) page(n int, name func(int) string, item func(int)) *apiError {
	size, fault := x.pageSize(x.q.Get("MaxItems"), 100, 1000)
	if fault != nil {
		return fault
	}
	from, fault := x.marker()
	if fault != nil {
		return fault
	}
	i := 0
	for from != "" && i < n && name(i) <= from {
		i++
	}
	end := min(n, i+size)
	for ; i < end; i++ {
		item(i)
	}
	if end < n && end > 0 {
		x.setMarker(name(end - 1))
	}
	return nil
}

func (x *exec) marker() (string, *apiError) {
	m := x.q.Get("Marker")
	if m == "" {
		return "", nil
	}
	b, err := base64.URLEncoding.DecodeString(m)
	after, ok := strings.CutPrefix(string(b), "m:")
	if err != nil || !ok {
		return "", validation("Invalid Marker.")
	}
	return after, nil
}

func (x *exec) pageSize(asked string, usual, most int) (int, *apiError) {
	n := usual
	if asked != "" {
		v, err := strconv.Atoi(asked)
		if err != nil || v < 1 || v > most {
			return 0, validation("1 validation error detected: Value '%s' at 'maxItems' failed to satisfy constraint: "+
				"Member must have value between 1 and %d", asked, most)
		}
		n = v
	}
	if x.w.cfg.PageSize > 0 {
		n = min(n, x.w.cfg.PageSize)
	}
	return n, nil
}

// truncated closes a page.
func (x *exec) truncated() {
	x.xml.flag("IsTruncated", x.pageMarker != "")
	x.xml.given("Marker", x.pageMarker)
}

// members reads Name.member.1, Name.member.2, … with an optional field of each.
func (x *exec) members(name, field string) []string {
	var out []string
	for i := 1; ; i++ {
		k := name + ".member." + strconv.Itoa(i)
		if field != "" {
			k += "." + field
		}
		v, ok := x.q[k]
		if !ok {
			return out
		}
		out = append(out, v[0])
	}
}

func (x *exec) queryTags() ([]Tag, *apiError) {
	keys := x.members("Tags", "Key")
	values := x.members("Tags", "Value")
	if len(keys) != len(values) {
		return nil, validation("Every tag needs a Key and a Value.")
	}
	tags := make([]Tag, 0, len(keys))
	seen := map[string]bool{}
	for i := range keys {
		switch {
		case !iamTagKey.MatchString(keys[i]):
			return nil, unmatched(keys[i], "tags.key", `[\p{L}\p{Z}\p{N}_.:/=+\-@]+`)
		case !iamTagVal.MatchString(values[i]):
			return nil, unmatched(values[i], "tags.value", `[\p{L}\p{Z}\p{N}_.:/=+\-@]*`)
		case strings.HasPrefix(strings.ToLower(keys[i]), "aws:"):
			return nil, fail(400, "InvalidInput", "Tag keys that begin with aws: are reserved.")
		case seen[strings.ToLower(keys[i])]:
			return nil, fail(400, "InvalidInput", "Duplicate tag keys found. Please note that Tag keys are case insensitive.")
		}
		seen[strings.ToLower(keys[i])] = true
		tags = append(tags, Tag{keys[i], values[i]})
	}
	return tags, nil
}

func (x *exec) writeTags(tags []Tag) {
	x.xml.open("Tags")
	for _, t := range tags {
		x.xml.open("member")
		x.xml.text("Key", t.Key)
		x.xml.text("Value", t.Value)
		x.xml.close("member")
	}
	x.xml.close("Tags")
}

func (x *exec) setMarker(last string) {
	x.pageMarker = base64.URLEncoding.EncodeToString([]byte("m:" + last))
}
