package awssim

import (
	"encoding/json"
	"slices"
	"time"
)

func deleteSecret(x *exec) *apiError {
	days := 30
	switch {
	case x.in.ForceDeleteWithoutRecovery && x.in.RecoveryWindowInDays != nil:
		return invalidParameter("You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.")
	case x.in.RecoveryWindowInDays != nil:
		if days = *x.in.RecoveryWindowInDays; days < 7 || days > 30 {
			return invalidParameter("RecoveryWindowInDays value must be between 7 and 30 days (inclusive).")
		}
	}
	s, fault := x.writable(true)
	if fault != nil {
		if x.in.ForceDeleteWithoutRecovery && fault.code == "ResourceNotFoundException" {
			// Deleting by force what is not there succeeds.
			x.json.open()
			x.json.str("Name", x.in.SecretID)
			x.json.date("DeletionDate", x.now)
			x.json.close()
			return nil
		}
		return fault
	}
	st := s.state()
	switch {
	case len(st.replicas) > 0:
		return invalidParameter("You can't delete secret %s that still has replica regions [%v]", st.name, st.replicas)
	case !st.deleted.IsZero() && !x.in.ForceDeleteWithoutRecovery:
		return invalidRequest(markedDeleted)
	}
	x.w.ruleDeleteSecret(x.by, s)
	at := x.now.Add(time.Duration(days) * 24 * time.Hour)
	if x.in.ForceDeleteWithoutRecovery {
		at = x.now
		x.w.removeSecret(s, x.now)
	} else {
		x.w.change(x.by, s, x.now, func(st *secretState) { st.deleted = at })
	}
	x.json.open()
	x.json.str("ARN", st.arn)
	x.json.str("Name", st.name)
	x.json.date("DeletionDate", at)
	x.json.close()
	return nil
}

func (w *World) removeSecret(s *secretSlot, now time.Time) {
	for _, region := range s.state().replicas {
		delete(w.secrets, region+"/"+s.state().name)
	}
	s.set(w, now, nil)
	w.secretIDs = slices.DeleteFunc(w.secretIDs, func(id string) bool { return id == s.id })
}

func restoreSecret(x *exec) *apiError {
	s, fault := x.writable(true)
	if fault != nil {
		return fault
	}
	x.w.change(x.by, s, x.now, func(st *secretState) { st.deleted = time.Time{} })
	x.wrote(s.state(), "")
	return nil
}

func replicateSecret(x *exec) *apiError {
	if len(x.in.AddReplicaRegions) == 0 {
		return invalidParameter("You must provide AddReplicaRegions.")
	}
	s, fault := x.writable(false)
	if fault != nil {
		return fault
	}
	if fault := x.addReplicas(s); fault != nil {
		return fault
	}
	x.json.open()
	x.json.str("ARN", s.state().arn)
	x.writeReplicas(s.state())
	x.json.close()
	return nil
}

// addReplicas makes the secret readable in more Regions, at once.
func (x *exec) addReplicas(s *secretSlot) *apiError {
	w, st := x.w, s.state()
	var more []string
	for _, r := range x.in.AddReplicaRegions {
		taken := w.secrets[r.Region+"/"+st.name]
		switch {
		case r.Region == st.region || !slices.Contains(w.cfg.Regions, r.Region):
			return invalidParameter("Invalid replica region %s.", r.Region)
		case taken != nil && (taken.replica != nil || taken.state() != nil):
			return fail(400, "ResourceExistsException", "A secret of this name exists already in Region %s.", r.Region)
		}
		more = append(more, r.Region)
	}
	if len(more) == 0 {
		return nil
	}
	for _, region := range more {
		id := region + "/" + st.name
		w.secrets[id] = &secretSlot{id: id, replica: s}
	}
	w.change(x.by, s, x.now, func(st *secretState) { st.replicas = append(slices.Clone(st.replicas), more...) })
	return nil
}

func (x *exec) writeReplicas(st *secretState) {
	if len(st.replicas) == 0 {
		return
	}
	x.json.list("ReplicationStatus")
	for _, region := range st.replicas {
		x.json.open()
		x.json.str("Region", region)
		x.json.str("KmsKeyId", "alias/aws/secretsmanager")
		x.json.str("Status", "InSync")
		x.json.str("StatusMessage", "Replication succeeded")
		x.json.close()
	}
	x.json.end()
}

func putResourcePolicy(x *exec) *apiError {
	s, fault := x.writable(false)
	if fault != nil {
		return fault
	}
	if !json.Valid([]byte(x.in.ResourcePolicy)) || len(x.in.ResourcePolicy) > 20_480 {
		return fail(400, "MalformedPolicyDocumentException", "This resource policy is not valid JSON of at most 20480 characters.")
	}
	x.w.change(x.by, s, x.now, func(st *secretState) { st.policy = x.in.ResourcePolicy })
	x.wrote(s.state(), "")
	return nil
}

func deleteResourcePolicy(x *exec) *apiError {
	s, fault := x.writable(false)
	if fault != nil {
		return fault
	}
	x.w.change(x.by, s, x.now, func(st *secretState) { st.policy = "" })
	x.wrote(s.state(), "")
	return nil
}

func getResourcePolicy(x *exec) *apiError {
	_, st, fault := x.readable(x.in.SecretID)
	if fault != nil {
		return fault
	}
	x.json.open()
	x.json.str("ARN", st.arnIn(x.call.Region))
	x.json.str("Name", st.name)
	x.json.given("ResourcePolicy", st.policy)
	x.json.close()
	return nil
}
