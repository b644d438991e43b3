package awssim

import (
	"strconv"
	"strings"
	"time"
)

var stsOperations map[string]*operation

func init() {
	stsOperations = table(
		operation{name: "GetCallerIdentity", run: getCallerIdentity, open: true},
		operation{name: "AssumeRole", run: assumeRole},
		operation{name: "GetSessionToken", run: getSessionToken, open: true},
	)
}

func table(ops ...operation) map[string]*operation {
	out := make(map[string]*operation, len(ops))
	for _, op := range ops {
		out[op.name] = &op
	}
	return out
}

func (w *World) userARN(u *userState) string {
	if u == nil {
		return ""
	}
	return "arn:aws:iam::" + w.cfg.Account + ":user" + u.path + u.name
}

func getCallerIdentity(x *exec) *apiError {
	k := x.key
	arn, id := x.w.userARN(k.user.state()), ""
	if k.session != nil {
		arn, id = k.session.arn, k.session.id
	} else {
		id = k.user.state().id
		// A success that the caller never learns of proves nothing to it.
		if x.fate.FailAfter == "" && !x.fate.DropReply {
			if k.proven == nil {
				k.proven = map[string]int{}
			}
			k.proven[x.call.Region]++
		}
	}
	x.xml.text("Arn", arn)
	x.xml.text("UserId", id)
	x.xml.text("Account", x.w.cfg.Account)
	return nil
}

// newSession makes temporary credentials. They outlive the key that asked for them, as AWS's do.
func (x *exec) newSession(arn, id string, usual time.Duration) *apiError {
	lives := usual
	if s := x.q.Get("DurationSeconds"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 900 || n > 129_600 {
			return validation("1 validation error detected: Value '%s' at 'durationSeconds' failed to satisfy constraint: "+
				"Member must have value greater than or equal to 900 and less than or equal to 129600", s)
		}
		lives = time.Duration(n) * time.Second
	}
	w := x.w
	w.sessions++
	n := uint64(w.sessions)
	if n%1000 == 0 {
		for id, k := range w.keys {
			if k.session != nil && x.now.After(k.session.expires) {
				delete(w.keys, id)
			}
		}
	}
	k := &key{
		id:     "ASIA" + w.draw(16, base32Upper, "session", arn, n),
		secret: w.draw(40, base64Chars, "session secret", arn, n),
		user:   x.key.user, status: active, created: x.now,
		session: &session{
			token: w.draw(120, base64Chars, "session token", arn, n), arn: arn, id: id,
			expires: x.now.Add(lives), rotator: x.by.rotator,
		},
	}
	w.keys[k.id] = k
	x.xml.open("Credentials")
	x.xml.text("AccessKeyId", k.id)
	x.xml.text("SecretAccessKey", k.secret)
	x.xml.text("SessionToken", k.session.token)
	x.xml.date("Expiration", k.session.expires)
	x.xml.close("Credentials")
	return nil
}

func getSessionToken(x *exec) *apiError {
	if x.key.session != nil {
		return fail(403, "AccessDenied", "Cannot call GetSessionToken with session credentials")
	}
	u := x.key.user.state()
	return x.newSession(x.w.userARN(u), u.id, 12*time.Hour)
}

func assumeRole(x *exec) *apiError {
	role, name := x.q.Get("RoleArn"), x.q.Get("RoleSessionName")
	prefix := "arn:aws:iam::" + x.w.cfg.Account + ":role/"
	if !strings.HasPrefix(role, prefix) || len(role) == len(prefix) {
		return fail(403, "AccessDenied", "User: %s is not authorized to perform: sts:AssumeRole on resource: %s",
			x.w.userARN(x.key.user.state()), role)
	}
	if len(name) < 2 || len(name) > 64 {
		return validation("1 validation error detected: Value '%s' at 'roleSessionName' failed to satisfy constraint: "+
			"Member must have length between 2 and 64", name)
	}
	short := role[strings.LastIndexByte(role, '/')+1:]
	arn := "arn:aws:sts::" + x.w.cfg.Account + ":assumed-role/" + short + "/" + name
	id := "AROA" + x.w.draw(17, base32Upper, "role", role, 0) + ":" + name
	if fault := x.newSession(arn, id, time.Hour); fault != nil {
		return fault
	}
	x.xml.open("AssumedRoleUser")
	x.xml.text("Arn", arn)
	x.xml.text("AssumedRoleId", id)
	x.xml.close("AssumedRoleUser")
	return nil
}
