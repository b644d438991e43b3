package awssim

import (
	"slices"
	"strings"
	"time"
)

func describeSecret(x *exec) *apiError {
	s, st, fault := x.readable(x.in.SecretID)
	if fault != nil {
		return fault
	}
	x.json.open()
	x.writeSecret(s, st)
	if len(st.versions) > 0 {
		x.writeStages("VersionIdsToStages", st)
	}
	x.writeReplicas(st)
	x.json.close()
	return nil
}

// writeSecret writes what DescribeSecret and ListSecrets share.
func (x *exec) writeSecret(s *secretSlot, st *secretState) {
	x.json.str("ARN", st.arnIn(x.call.Region))
	x.json.str("Name", st.name)
	x.json.given("Description", st.description)
	x.json.given("KmsKeyId", st.kmsKey)
	if st.everRotation {
		x.json.flag("RotationEnabled", st.rotation)
		x.json.given("RotationLambdaARN", st.rotationLambda)
	}
	x.json.given("OwningService", st.owner)
	x.json.date("CreatedDate", st.created)
	x.json.date("LastChangedDate", st.changed)
	x.json.date("LastRotatedDate", st.rotated)
	x.json.date("DeletedDate", st.deleted)
	if !s.accessed.IsZero() {
		x.json.date("LastAccessedDate", s.accessed.UTC().Truncate(24*time.Hour))
	}
	if len(st.replicas) > 0 {
		x.json.str("PrimaryRegion", st.region)
	}
	if len(st.tags) > 0 {
		x.json.tags(st.tags)
	}
}

func (x *exec) writeStages(name string, st *secretState) {
	x.json.name(name)
	x.json.b = append(x.json.b, '{')
	for _, v := range st.versions {
		if len(v.stages) > 0 {
			x.json.strings(v.id, v.stages)
		}
	}
	x.json.close()
}

func listSecrets(x *exec) *apiError {
	found, fault := x.filtered(x.in.IncludePlannedDeletion)
	if fault != nil {
		return fault
	}
	if x.in.SortOrder != "asc" {
		slices.Reverse(found) // the newest first, as AWS does by default
	}
	x.json.open()
	from, to, fault := x.slice(len(found), 100)
	if fault != nil {
		return fault
	}
	x.json.list("SecretList")
	for _, s := range found[from:to] {
		st := s.state()
		x.json.open()
		x.writeSecret(s, st)
		if len(st.versions) > 0 {
			x.writeStages("SecretVersionsToStages", st)
		}
		x.json.close()
	}
	x.json.end()
	x.json.close()
	return nil
}

// filtered are the Region's own secrets that pass the call's filters, oldest first.
func (x *exec) filtered(deletedToo bool) ([]*secretSlot, *apiError) {
	for _, f := range x.in.Filters {
		if !slices.Contains([]string{"description", "name", "tag-key", "tag-value", "primary-region", "owning-service", "all"}, f.Key) {
			return nil, validation("1 validation error detected: Value '%s' at 'filters.key' failed to satisfy constraint: Member must "+
				"satisfy enum value set: [all, name, tag-key, description, tag-value, primary-region, owning-service]", f.Key)
		}
		if len(f.Values) == 0 || len(f.Values) > 10 {
			return nil, invalidParameter("A filter must have 1 to 10 values.")
		}
	}
	var out []*secretSlot
	for _, id := range slices.Clone(x.w.secretIDs) {
		s := x.w.secrets[id]
		x.w.expire(s, x.now)
		st := s.state()
		if st == nil || st.region != x.call.Region || !st.deleted.IsZero() && !deletedToo {
			continue
		}
		if !slices.ContainsFunc(x.in.Filters, func(f filterInput) bool { return !f.passes(st) }) {
			out = append(out, s)
		}
	}
	return out, nil
}

// passes tells whether any value of the filter fits; values that begin with ! exclude.
func (f filterInput) passes(st *secretState) bool {
	wanted, fits := false, false
	for _, v := range f.Values {
		if not, ok := strings.CutPrefix(v, "!"); ok {
			if f.fits(st, not) {
				return false
			}
			continue
		}
		wanted = true
		fits = fits || f.fits(st, v)
	}
	return fits || !wanted
}

func (f filterInput) fits(st *secretState, v string) bool {
	folded := func(s string) bool { return strings.HasPrefix(strings.ToLower(s), strings.ToLower(v)) }
	tagged := func(fits func(Tag) bool) bool { return slices.ContainsFunc(st.tags, fits) }
	switch f.Key {
	case "name":
		return strings.HasPrefix(st.name, v)
	case "description":
		return folded(st.description)
	case "tag-key":
		return tagged(func(t Tag) bool { return strings.HasPrefix(t.Key, v) })
	case "tag-value":
		return tagged(func(t Tag) bool { return strings.HasPrefix(t.Value, v) })
	case "primary-region":
		return strings.HasPrefix(st.region, v)
	case "owning-service":
		return st.owner != "" && strings.HasPrefix(st.owner, v)
	}
	for _, word := range strings.Fields(strings.ToLower(v)) {
		has := func(s string) bool { return strings.Contains(strings.ToLower(s), word) }
		if !has(st.name) && !has(st.description) && !tagged(func(t Tag) bool { return has(t.Key) || has(t.Value) }) {
			return false
		}
	}
	return true
}

func tagResource(x *exec) *apiError {
	s, fault := x.writable(false)
	if fault != nil {
		return fault
	}
	if fault := checkTags(s.state().tags, x.in.Tags); fault != nil {
		return fault
	}
	x.w.change(x.by, s, x.now, func(st *secretState) { st.tags = putTags(st.tags, x.in.Tags) })
	return nil
}

func untagResource(x *exec) *apiError {
	s, fault := x.writable(false)
	if fault != nil {
		return fault
	}
	x.w.change(x.by, s, x.now, func(st *secretState) { st.tags = dropTags(st.tags, x.in.TagKeys) })
	return nil
}
