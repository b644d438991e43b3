package awssim

import (
	"slices"
	"time"
)

// newVersion checks the value and token of a call and makes a version of them.
func (x *exec) newVersion() (*version, *apiError) {
	in := x.in
	switch {
	case in.SecretString != nil && in.SecretBinary != nil:
		return nil, invalidParameter("You can't specify both a binary secret value and a string secret value in the same secret.")
	case in.SecretString == nil && in.SecretBinary == nil:
		return nil, invalidParameter("You must provide either SecretString or SecretBinary.")
	case in.ClientRequestToken == "":
		return nil, invalidParameter("You must provide a ClientRequestToken value. We recommend a UUID-type value.")
	case len(in.ClientRequestToken) < 32 || len(in.ClientRequestToken) > 64:
		return nil, invalidParameter("ClientRequestToken must be 32-64 characters long.")
	case in.SecretString != nil && len(*in.SecretString) > maxSecretBytes, len(in.SecretBinary) > maxSecretBytes:
		return nil, validation("1 validation error detected: Value at 'secretString' failed to satisfy constraint: "+
			"Member must have length less than or equal to %d", maxSecretBytes)
	case x.w.kmsBroken:
		return nil, fail(400, "EncryptionFailure", "Secrets Manager can't encrypt the protected secret text using the "+
			"provided KMS key. Check that the KMS key is available, enabled, and not in an invalid state.")
	}
	v := &version{id: in.ClientRequestToken, created: x.now, binary: in.SecretBinary}
	if in.SecretString != nil {
		v.text, v.isText = *in.SecretString, true
		v.named = readValue(v.text)
	}
	return v, nil
}

func createSecret(x *exec) *apiError {
	in, w := x.in, x.w
	if !secretNames.MatchString(in.Name) {
		return validation("Invalid name. Must be a valid name containing alphanumeric characters, " +
			"or any of the following: -/_+=.@")
	}
	if fault := checkTags(nil, in.Tags); fault != nil {
		return fault
	}
	var v *version
	if in.SecretString != nil || in.SecretBinary != nil {
		var fault *apiError
		if v, fault = x.newVersion(); fault != nil {
			return fault
		}
	}
	if st := x.find(in.Name).state(); st != nil {
		// The same token and value again is the same request again.
		old := st.version(in.ClientRequestToken)
		switch {
		case !st.deleted.IsZero():
			return invalidRequest("You can't create this secret because a secret with this name is already scheduled for deletion.")
		case v == nil || old == nil || !old.same(v):
			return fail(400, "ResourceExistsException", "The operation failed because the secret %s already exists.", in.Name)
		}
		x.wrote(st, old.id)
		return nil
	}
	s := w.makeSecret(x.by, x.call.Region, in.Name, in.Tags, v, x.now, func(st *secretState) {
		if in.Description != nil {
			st.description = *in.Description
		}
		if in.KmsKeyID != nil {
			st.kmsKey = *in.KmsKeyID
		}
	})
	if fault := x.addReplicas(s); fault != nil {
		return fault
	}
	id := ""
	if v != nil {
		id = v.id
	}
	x.wrote(s.state(), id)
	return nil
}

// wrote answers a write: ARN, Name and, when there is one, the version.
func (x *exec) wrote(st *secretState, versionID string) {
	x.json.open()
	x.json.str("ARN", st.arnIn(x.call.Region))
	x.json.str("Name", st.name)
	x.json.given("VersionId", versionID)
	if x.call.Operation == "PutSecretValue" {
		x.json.strings("VersionStages", st.version(versionID).stages)
	}
	if len(st.replicas) > 0 && x.call.Operation == "CreateSecret" {
		x.writeReplicas(st)
	}
	x.json.close()
}

// makeSecret makes a secret, with its first version unless v is nil.
func (w *World) makeSecret(by actor, region, name string, tags []Tag, v *version, now time.Time,
	more func(*secretState)) *secretSlot {
	id := region + "/" + name
	s := w.secrets[id]
	if s == nil {
		s = &secretSlot{id: id}
		w.secrets[id] = s
	}
	s.made++
	s.accessed = time.Time{}
	st := &secretState{
		name: name, region: region, created: now, changed: now, tags: slices.Clone(tags),
		arn: "arn:aws:secretsmanager:" + region + ":" + w.cfg.Account + ":secret:" + name + "-" +
			w.draw(6, letters, "secret", id, s.made),
	}
	if more != nil {
		more(st)
	}
	s.set(w, now, st)
	w.secretIDs = append(w.secretIDs, id)
	if v != nil {
		w.change(by, s, now, func(st *secretState) {
			first := *v
			first.stages = []string{current}
			st.versions = []*version{&first}
		})
	}
	return s
}

// put adds a version with staging labels; without any it becomes AWSCURRENT. The first version of a
// secret becomes AWSCURRENT whatever was asked for.
func (w *World) put(by actor, s *secretSlot, v *version, stages []string, now time.Time) *apiError {
	st := s.state()
	if old := st.version(v.id); old != nil {
		if !old.same(v) {
			return fail(400, "ResourceExistsException", "You can't use ClientRequestToken %s because that value is already "+
				"in use for a version of secret %s.", v.id, st.arn)
		}
		return nil
	}
	next := *st
	w.prune(&next, now)
	if len(next.versions) >= w.cfg.VersionLimit {
		return fail(400, "LimitExceededException", "The secret %s already has the maximum number of versions (%d), and none "+
			"of them can be removed.", st.name, len(next.versions))
	}
	if len(stages) == 0 || st.with(current) == nil && !slices.Contains(stages, current) {
		stages = append(slices.Clone(stages), current)
	}
	w.change(by, s, now, func(st *secretState) {
		st.versions = append(slices.Clone(next.versions), v)
		for _, stage := range stages {
			st.move(stage, v.id)
		}
	})
	return nil
}

func putSecretValue(x *exec) *apiError {
	v, fault := x.newVersion()
	if fault != nil {
		return fault
	}
	if x.in.VersionStages != nil && (len(x.in.VersionStages) == 0 || len(x.in.VersionStages) > 20) {
		return invalidParameter("VersionStages must hold 1 to 20 staging labels.")
	}
	for _, stage := range x.in.VersionStages {
		if stage == "" || len(stage) > 256 {
			return invalidParameter("A staging label has 1 to 256 characters.")
		}
	}
	s, fault := x.writable(false)
	if fault != nil {
		return fault
	}
	x.w.rulePut(x.by, s, x.in.VersionStages)
	if fault := x.w.put(x.by, s, v, x.in.VersionStages, x.now); fault != nil {
		return fault
	}
	x.wrote(s.state(), v.id)
	return nil
}

func updateSecret(x *exec) *apiError {
	s, fault := x.writable(false)
	if fault != nil {
		return fault
	}
	id := ""
	if x.in.SecretString != nil || x.in.SecretBinary != nil {
		v, fault := x.newVersion()
		if fault != nil {
			return fault
		}
		x.w.rulePut(x.by, s, nil)
		if fault := x.w.put(x.by, s, v, nil, x.now); fault != nil {
			return fault
		}
		id = v.id
	}
	if x.in.Description != nil || x.in.KmsKeyID != nil {
		x.w.change(x.by, s, x.now, func(st *secretState) {
			if x.in.Description != nil {
				st.description = *x.in.Description
			}
			if x.in.KmsKeyID != nil {
				st.kmsKey = *x.in.KmsKeyID
			}
		})
	}
	x.wrote(s.state(), id)
	return nil
}

func getSecretValue(x *exec) *apiError {
	s, st, fault := x.readable(x.in.SecretID)
	if fault != nil {
		return fault
	}
	v, fault := x.choose(st)
	if fault != nil {
		return fault
	}
	s.accessed = x.now
	x.json.open()
	x.writeValue(st, v)
	x.json.close()
	return nil
}

// choose is the version that a call asks for by id, by staging label or not at all.
func (x *exec) choose(st *secretState) (*version, *apiError) {
	if !st.deleted.IsZero() {
		return nil, invalidRequest(markedDeleted)
	}
	if x.w.kmsBroken {
		return nil, fail(400, "DecryptionFailure",
			"Secrets Manager can't decrypt the protected secret text using the provided KMS key.")
	}
	stage := x.in.VersionStage
	if x.in.VersionID == "" {
		if stage == "" {
			stage = current
		}
		if v := st.with(stage); v != nil {
			return v, nil
		}
		return nil, fail(400, "ResourceNotFoundException",
			"Secrets Manager can't find the specified secret value for staging label: %s", stage)
	}
	v := st.version(x.in.VersionID)
	switch {
	case v == nil:
		return nil, fail(400, "ResourceNotFoundException",
			"Secrets Manager can't find the specified secret value for VersionId: %s", x.in.VersionID)
	case stage != "" && !slices.Contains(v.stages, stage):
		return nil, invalidRequest("You provided a VersionStage that is not associated to the provided VersionId.")
	}
	return v, nil
}

func (x *exec) writeValue(st *secretState, v *version) {
	x.json.str("ARN", st.arnIn(x.call.Region))
	x.json.date("CreatedDate", v.created)
	x.json.str("Name", st.name)
	if v.isText {
		x.json.str("SecretString", v.text)
	} else {
		x.json.blob("SecretBinary", v.binary)
	}
	x.json.str("VersionId", v.id)
	x.json.strings("VersionStages", v.stages)
}

// batchGetSecretValue answers some secrets and names the others with their errors.
func batchGetSecretValue(x *exec) *apiError {
	ids := x.in.SecretIDList
	switch {
	case len(ids) > 0 && len(x.in.Filters) > 0 || len(ids) == 0 && len(x.in.Filters) == 0:
		return invalidParameter("Either 'SecretIdList' or 'Filters' must be provided, but not both.")
	case len(ids) > 20:
		return invalidParameter("SecretIdList must hold 1 to 20 secrets.")
	case len(ids) > 0 && x.in.MaxResults != nil:
		return invalidParameter("'Filters' not specified. 'Filters' must also be specified when 'MaxResults' is provided.")
	}
	x.json.open()
	if len(ids) == 0 {
		found, fault := x.filtered(false)
		if fault != nil {
			return fault
		}
		from, to, fault := x.slice(len(found), 20)
		if fault != nil {
			return fault
		}
		for _, s := range found[from:to] {
			ids = append(ids, s.state().name)
		}
	}
	type failed struct {
		id    string
		fault *apiError
	}
	var errs []failed
	x.json.list("SecretValues")
	for _, id := range ids {
		s, st, fault := x.readable(id)
		var v *version
		if fault == nil {
			v, fault = x.choose(st)
		}
		if fault != nil {
			errs = append(errs, failed{id, fault})
			continue
		}
		s.accessed = x.now
		x.json.open()
		x.writeValue(st, v)
		x.json.close()
	}
	x.json.end()
	x.json.list("Errors")
	for _, e := range errs {
		x.json.open()
		x.json.str("SecretId", e.id)
		x.json.str("ErrorCode", e.fault.code)
		x.json.str("Message", e.fault.message)
		x.json.close()
	}
	x.json.end()
	x.json.close()
	return nil
}
