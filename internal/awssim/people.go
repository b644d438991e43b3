package awssim

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// People act as administrators, consoles and other tools do: at once, without faults, on no account of
// the rotator. Their methods return AWS's error when AWS would refuse them too.
type People struct{ w *World }

// People returns the people of this world.
func (w *World) People() *People { return w.people }

// onUser runs an act on an existing user.
func (p *People) onUser(name string, act func(*userSlot, time.Time) error) error {
	w := p.w
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.users[name]
	if s.state() == nil {
		return noSuchUser(name)
	}
	w.touched(w.care[name])
	return act(s, w.now())
}

func sortedTags(tags map[string]string) []Tag {
	var out []Tag
	for k, v := range tags {
		out = append(out, Tag{k, v})
	}
	slices.SortFunc(out, func(a, b Tag) int { return strings.Compare(a.Key, b.Key) })
	return out
}

func policyARN(policy string) string {
	if strings.HasPrefix(policy, "arn:") {
		return policy
	}
	return "arn:aws:iam::aws:policy/" + policy
}

// CreateUser makes a user; path "" is "/", policies are names of AWS's managed policies or ARNs.
func (p *People) CreateUser(name, path string, tags map[string]string, policies ...string) error {
	w := p.w
	w.mu.Lock()
	defer w.mu.Unlock()
	if path == "" {
		path = "/"
	}
	if !userNames.MatchString(name) || !userPaths.MatchString(path) {
		return fmt.Errorf("creating user %s%s: not a name and path that IAM takes", path, name)
	}
	if w.users[name].state() != nil {
		return fail(409, "EntityAlreadyExists", "User with name %s already exists.", name)
	}
	s := w.addUser(name, path, sortedTags(tags), w.now())
	s.edit(w, w.now(), func(u *userState) {
		for _, policy := range policies {
			u.attached = append(u.attached, policyARN(policy))
		}
	})
	w.touched(w.care[name])
	return nil
}

// DeleteUser deletes a user with all its keys and policies.
func (p *People) DeleteUser(name string) error {
	return p.onUser(name, func(s *userSlot, now time.Time) error {
		p.w.removeUser(s, now)
		return nil
	})
}

// TagUser sets tags of a user.
func (p *People) TagUser(name string, tags map[string]string) error {
	return p.onUser(name, func(s *userSlot, now time.Time) error {
		s.edit(p.w, now, func(u *userState) { u.tags = putTags(u.tags, sortedTags(tags)) })
		return nil
	})
}

// UntagUser removes tags of a user.
func (p *People) UntagUser(name string, keys ...string) error {
	return p.onUser(name, func(s *userSlot, now time.Time) error {
		s.edit(p.w, now, func(u *userState) { u.tags = dropTags(u.tags, keys) })
		return nil
	})
}

// AttachPolicy attaches a managed policy, by name (AWS's own) or ARN.
func (p *People) AttachPolicy(name, policy string) error {
	return p.onUser(name, func(s *userSlot, now time.Time) error {
		s.edit(p.w, now, func(u *userState) { u.attached = append(slices.Clone(u.attached), policyARN(policy)) })
		return nil
	})
}

// PutUserPolicy embeds an inline policy in a user.
func (p *People) PutUserPolicy(name, policy, document string) error {
	return p.onUser(name, func(s *userSlot, now time.Time) error {
		s.edit(p.w, now, func(u *userState) {
			u.inline = append(withoutInline(u.inline, policy), inlinePolicy{policy, document})
		})
		return nil
	})
}

// PutGroup makes a group with attached and inline policies (by name), or replaces it.
func (p *People) PutGroup(name string, policies []string, inline map[string]string) {
	w := p.w
	w.mu.Lock()
	defer w.mu.Unlock()
	g := &group{name: name, path: "/", id: "AGPA" + w.draw(17, base32Upper, "group", name, 0), created: w.now()}
	for _, policy := range policies {
		g.attached = append(g.attached, policyARN(policy))
	}
	for _, t := range sortedTags(inline) {
		g.inline = append(g.inline, inlinePolicy{t.Key, t.Value})
	}
	w.groups[name] = g
}

// AddUserToGroup puts a user into a group made by PutGroup.
func (p *People) AddUserToGroup(name, groupName string) error {
	return p.onUser(name, func(s *userSlot, now time.Time) error {
		if p.w.groups[groupName] == nil {
			return fail(404, "NoSuchEntity", "The group with name %s cannot be found.", groupName)
		}
		s.edit(p.w, now, func(u *userState) { u.groups = append(slices.Clone(u.groups), groupName) })
		return nil
	})
}

// PutPolicy makes a customer-managed policy and returns its ARN.
func (p *People) PutPolicy(name, document string) (arn string) {
	w := p.w
	w.mu.Lock()
	defer w.mu.Unlock()
	arn = "arn:aws:iam::" + w.cfg.Account + ":policy/" + name
	w.policies[arn] = &managedPolicy{
		arn: arn, name: name, document: document, created: w.now(),
		id: "ANPA" + w.draw(17, base32Upper, "policy", name, 0),
	}
	return arn
}

// Deny makes AWS refuse actions such as "iam:CreateAccessKey" to a user, Allow takes that back.
func (p *People) Deny(name string, actions ...string) error { return p.permit(name, true, actions) }

// Allow takes Deny back.
func (p *People) Allow(name string, actions ...string) error { return p.permit(name, false, actions) }

func (p *People) permit(name string, denied bool, actions []string) error {
	return p.onUser(name, func(s *userSlot, _ time.Time) error {
		for _, a := range actions {
			s.denied[strings.ToLower(a)] = denied
		}
		return nil
	})
}

// CreateAccessKey makes a key of people's own.
func (p *People) CreateAccessKey(user string) (id, secret string, err error) {
	err = p.onUser(user, func(s *userSlot, now time.Time) error {
		if len(s.state().keys) >= keysPerUser {
			return fail(409, "LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: %d", keysPerUser)
		}
		k := p.w.addKey(s, actor{}, now)
		id, secret = k.id, k.secret
		return nil
	})
	return id, secret, err
}

func (p *People) onKey(user, id string, act func(*key, time.Time)) error {
	return p.onUser(user, func(s *userSlot, now time.Time) error {
		k := p.w.keys[id]
		if k == nil || k.user != s {
			return noSuchKey(id)
		}
		act(k, now)
		return nil
	})
}

// SetKeyStatus makes a key "Active" or "Inactive".
func (p *People) SetKeyStatus(user, id, status string) error {
	if status != active && status != inactive {
		return fmt.Errorf("setting key %s: the status is Active or Inactive, not %q", id, status)
	}
	return p.onKey(user, id, func(k *key, now time.Time) { p.w.setStatus(k, status, now) })
}

// DeleteAccessKey deletes a key, Active or not.
func (p *People) DeleteAccessKey(user, id string) error {
	return p.onKey(user, id, func(k *key, now time.Time) { p.w.removeKey(k, now) })
}

// UseKey records a use of a key in a service and Region, which GetAccessKeyLastUsed then tells.
func (p *People) UseKey(id, service, region string) error {
	w := p.w
	w.mu.Lock()
	defer w.mu.Unlock()
	k := w.keys[id]
	if k == nil {
		return noSuchKey(id)
	}
	w.use(k, service, region, w.now())
	return nil
}

// onSecret runs an act on an existing secret of the home Region.
func (p *People) onSecret(id string, act func(*secretSlot, time.Time) error) error {
	w := p.w
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.secrets[w.secretKey(w.cfg.Regions[0], id)]
	if s.state() == nil {
		return noSuchSecret()
	}
	w.touched(w.careOf[s.id])
	return act(s, w.now())
}

// CreateSecret makes a secret in the home Region; value "" makes one without a version.
func (p *People) CreateSecret(name, value string, tags map[string]string) error {
	w := p.w
	w.mu.Lock()
	defer w.mu.Unlock()
	id := w.cfg.Regions[0] + "/" + name
	if w.secrets[id].state() != nil {
		return fail(400, "ResourceExistsException", "The operation failed because the secret %s already exists.", name)
	}
	now := w.now()
	var v *version
	if value != "" {
		v = p.version(id, value, now)
	}
	w.makeSecret(actor{}, w.cfg.Regions[0], name, sortedTags(tags), v, now, nil)
	w.touched(w.careOf[id])
	return nil
}

// version makes a version under an id of the world's own: a UUID drawn from the seed.
func (p *People) version(id, value string, now time.Time) *version {
	n := p.w.request.Add(1)
	token := uuid.NewSHA1(uuid.NameSpaceOID, []byte(p.w.draw(32, base32Upper, "version", id, n)))
	token[6] = token[6]&0x0f | 0x40 // the console and the SDKs make version 4
	return &version{id: token.String(), created: now, text: value, isText: true, named: readValue(value)}
}

// PutSecretValue edits the value as the console does: AWSCURRENT moves to it at once.
func (p *People) PutSecretValue(id, value string) error {
	return p.onSecret(id, func(s *secretSlot, now time.Time) error {
		if fault := p.w.put(actor{}, s, p.version(s.id, value, now), nil, now); fault != nil {
			return fault
		}
		return nil
	})
}

// MoveStage puts a staging label on a version, wherever it was; version "" takes the label off.
func (p *People) MoveStage(id, stage, versionID string) error {
	return p.onSecret(id, func(s *secretSlot, now time.Time) error {
		in := &secretInput{VersionStage: stage, MoveToVersionID: versionID}
		if v := s.state().with(stage); v != nil && v.id != versionID {
			in.RemoveFromVersionID = v.id
		}
		if fault := p.w.moveStage(actor{}, s, in, now); fault != nil {
			return fault
		}
		return nil
	})
}

func (p *People) editSecret(id string, edit func(*secretState, time.Time)) error {
	return p.onSecret(id, func(s *secretSlot, now time.Time) error {
		p.w.change(actor{}, s, now, func(st *secretState) { edit(st, now) })
		return nil
	})
}

// TagSecret sets tags of a secret.
func (p *People) TagSecret(id string, tags map[string]string) error {
	return p.editSecret(id, func(st *secretState, _ time.Time) { st.tags = putTags(st.tags, sortedTags(tags)) })
}

// UntagSecret removes tags of a secret.
func (p *People) UntagSecret(id string, keys ...string) error {
	return p.editSecret(id, func(st *secretState, _ time.Time) { st.tags = dropTags(st.tags, keys) })
}

// DeleteSecret schedules a secret's deletion, RestoreSecret takes it back.
func (p *People) DeleteSecret(id string) error {
	return p.editSecret(id, func(st *secretState, now time.Time) { st.deleted = now.Add(30 * 24 * time.Hour) })
}

// RestoreSecret takes DeleteSecret back.
func (p *People) RestoreSecret(id string) error {
	return p.editSecret(id, func(st *secretState, _ time.Time) { st.deleted = time.Time{} })
}

// PurgeSecret deletes a secret for ever, at once.
func (p *People) PurgeSecret(id string) error {
	return p.onSecret(id, func(s *secretSlot, now time.Time) error {
		p.w.removeSecret(s, now)
		return nil
	})
}

// SetSecretRotation switches Secrets Manager's own rotation of a secret on or off.
func (p *People) SetSecretRotation(id string, on bool) error {
	return p.editSecret(id, func(st *secretState, now time.Time) {
		st.rotation, st.everRotation = on, true
		st.rotationLambda = "arn:aws:lambda:" + st.region + ":" + p.w.cfg.Account + ":function:rotate"
		if on {
			st.rotated = now
		}
	})
}

// SetOwningService makes a secret belong to an AWS service, which alone may then change it.
func (p *People) SetOwningService(id, service string) error {
	return p.editSecret(id, func(st *secretState, _ time.Time) { st.owner = service })
}

// DisableRegion switches a Region off for the account, EnableRegion on again.
func (p *People) DisableRegion(region string) { p.setRegion(region, true) }

// EnableRegion takes DisableRegion back.
func (p *People) EnableRegion(region string) { p.setRegion(region, false) }

func (p *People) setRegion(region string, off bool) {
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	p.w.disabled[region] = off
}

// SetKMSBroken makes the key that encrypts secrets unusable: values can be neither stored nor read.
func (p *People) SetKMSBroken(broken bool) {
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	p.w.kmsBroken = broken
}
