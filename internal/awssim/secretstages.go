package awssim

import (
	"slices"
	"time"
)

const labelsPerVersion = 20

func updateSecretVersionStage(x *exec) *apiError {
	s, fault := x.writable(false)
	if fault != nil {
		return fault
	}
	if fault := x.w.moveStage(x.by, s, x.in, x.now); fault != nil {
		return fault
	}
	x.wrote(s.state(), "")
	return nil
}

// moveStage is a compare-and-swap: a label that sits on a version leaves it only when the caller says
// which one that is.
func (w *World) moveStage(by actor, s *secretSlot, in *secretInput, now time.Time) *apiError {
	stage, to, from := in.VersionStage, in.MoveToVersionID, in.RemoveFromVersionID
	st := s.state()
	if stage == "" || len(stage) > 256 {
		return invalidParameter("You must provide a VersionStage of 1 to 256 characters.")
	}
	if to == "" && from == "" {
		return invalidParameter("You must provide MoveToVersionId, RemoveFromVersionId or both.")
	}
	for _, id := range []string{to, from} {
		if id != "" && st.version(id) == nil {
			return fail(400, "ResourceNotFoundException", "Secrets Manager can't find the specified secret version: %s", id)
		}
	}
	has := st.with(stage)
	switch {
	case from != "" && has == nil:
		return invalidParameter("The staging label %s is not attached to version %s.", stage, from)
	case from != "" && has.id != from:
		return invalidParameter("The parameter RemoveFromVersionId does not match. Staging label %s is currently attached "+
			"to version %s, not to version %s.", stage, has.id, from)
	case from == "" && has != nil && has.id != to:
		return invalidParameter("The parameter RemoveFromVersionId can't be empty. Staging label %s is currently attached to "+
			"version %s, so you must explicitly reference that version in RemoveFromVersionId.", stage, has.id)
	case to == "" && stage == current:
		return invalidParameter("You can only move staging label %s to a different secret version. It can't be completely removed.",
			current)
	}
	if to != "" {
		if v := st.version(to); !slices.Contains(v.stages, stage) && len(v.stages) >= labelsPerVersion {
			return fail(400, "LimitExceededException", "You can't attach more than %d staging labels to a version.",
				labelsPerVersion)
		}
	}
	w.change(by, s, now, func(st *secretState) {
		if to == "" {
			st.label(stage, "")
		} else {
			st.move(stage, to)
		}
	})
	return nil
}

func listSecretVersionIDs(x *exec) *apiError {
	_, st, fault := x.readable(x.in.SecretID)
	if fault != nil {
		return fault
	}
	var shown []*version
	for _, v := range st.versions {
		if len(v.stages) > 0 || x.in.IncludeDeprecated {
			shown = append(shown, v)
		}
	}
	x.json.open()
	from, to, fault := x.slice(len(shown), 100)
	if fault != nil {
		return fault
	}
	x.json.str("ARN", st.arnIn(x.call.Region))
	x.json.str("Name", st.name)
	x.json.list("Versions")
	for _, v := range shown[from:to] {
		x.json.open()
		x.json.str("VersionId", v.id)
		if len(v.stages) > 0 {
			x.json.strings("VersionStages", v.stages)
		}
		x.json.date("CreatedDate", v.created)
		key := st.kmsKey
		if key == "" {
			key = "DefaultEncryptionKey"
		}
		x.json.strings("KmsKeyIds", []string{key})
		x.json.close()
	}
	x.json.end()
	x.json.close()
	return nil
}
