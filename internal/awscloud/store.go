package awscloud

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/keyturn/keyturn/internal/rotation"
)

// stageForeign is a staging label of our own, put on a version that holds fields of other people, in the same PutSecretValue.
// While any version bears it, the base's value is read before the next one is written; without it, versions that we wrote hold
// nothing to keep, and the read is spared. The rest of keyturn never sees it.
const stageForeign = "KEYTURN_FOREIGN_FIELDS"

// foreignness is what the secret's labels say of fields of other people.
type foreignness struct {
	seen    bool // the labels were read in this run
	labeled bool
}

func (f *foreignness) see(stages map[string][]string) {
	*f = foreignness{seen: true}
	for _, labels := range stages {
		if slices.Contains(labels, stageForeign) {
			f.labeled = true
		}
	}
}

// oursAlone reports whether a version holds keyturn's own fields only, without a look at its value.
func (s *Session) oursAlone(versionID string) bool {
	return !s.a.cfg.Existing && s.foreign.seen && !s.foreign.labeled && writtenByUs(versionID)
}

// writtenByUs: our version ids are UUIDs of version 5; the console and the SDKs make version 4.
func writtenByUs(versionID string) bool { return len(versionID) == 36 && versionID[14] == '5' }

// largest is Secrets Manager's limit of a value, in bytes.
const largest = 65_536

// PutKey stores the key as a version with id versionID and the label AWSPENDING, keeping the other fields of the value of base
// ("" when there is none). oldKeyID goes into the field OldAccessKeyId. The same key on the same base gives the same bytes, so
// that a repeat is no new version.
func (s *Session) PutKey(ctx context.Context, versionID string, key rotation.NewKey, base, oldKeyID string) error {
	c := s.about("PutSecretValue")
	own := s.a.cfg.Fields
	doc, _ := parseDocument("{}")
	if base != "" && !s.oursAlone(base) {
		var err error
		if doc, err = s.read(ctx, base); err != nil {
			return err
		}
		// Written beside a key under other names, the new key would leave those who read the old names with a dead one.
		if h, ok := doc.find(own); ok && h.foreign {
			return c.refuse(rotation.ErrBadSecret, fmt.Sprintf("its value names the key in the field %q, but secret.fields says %q: set "+
				"secret.fields to the names that the readers of this secret use", h.where, own.AccessKeyID))
		}
	}
	value := doc.with([]field{
		{own.AccessKeyID, key.ID},
		{own.SecretAccessKey, key.Secret.Reveal()},
		{own.UserName, s.subject.User.Name},
		{own.CreatedDate, key.Created.UTC().Format(time.RFC3339)},
		{own.Email, s.subject.Email},
		{own.OldAccessKeyID, oldKeyID},
	})
	if len(value) > largest {
		return c.refuse(rotation.ErrInvalid, fmt.Sprintf("the value would be %d bytes long, and Secrets Manager takes %d: take other "+
			"fields out of this secret", len(value), largest))
	}
	stages := []string{rotation.StagePending}
	if len(doc.others(own)) > 0 {
		stages = append(stages, stageForeign)
	}
	c.hide = []string{key.Secret.Reveal(), value}
	_, err := do(ctx, c, func(ctx context.Context) (*secretsmanager.PutSecretValueOutput, error) {
		return s.a.sm.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{
			SecretId: &s.secret, ClientRequestToken: aws.String(versionID), SecretString: aws.String(value), VersionStages: stages,
		})
	})
	if err == nil && len(stages) > 1 {
		s.foreign.labeled = true
	}
	return err
}

// ReadKey reads the key held by a version (Created may be zero, and the secret too when the value names a key without one),
// without the other fields. The ID is empty when the value is a JSON object that names no key.
func (s *Session) ReadKey(ctx context.Context, versionID string) (rotation.NewKey, error) {
	doc, err := s.read(ctx, versionID)
	if err != nil {
		return rotation.NewKey{}, err
	}
	h, ok := doc.find(s.a.cfg.Fields)
	if !ok {
		return rotation.NewKey{}, nil
	}
	return h.key, nil
}

// SameFields reports whether two versions' values agree in every field that is not the key's own (rollback asks). True when the
// secret holds no fields of others.
func (s *Session) SameFields(ctx context.Context, versionA, versionB string) (bool, error) {
	if versionA == versionB || s.oursAlone(versionA) && s.oursAlone(versionB) {
		return true, nil
	}
	a, err := s.read(ctx, versionA)
	if err != nil {
		return false, err
	}
	b, err := s.read(ctx, versionB)
	if err != nil {
		return false, err
	}
	return maps.Equal(a.others(s.a.cfg.Fields), b.others(s.a.cfg.Fields)), nil
}

// read gets a version's value.
func (s *Session) read(ctx context.Context, versionID string) (*document, error) {
	c := s.about("GetSecretValue")
	out, err := do(ctx, c, func(ctx context.Context) (*secretsmanager.GetSecretValueOutput, error) {
		return s.a.sm.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &s.secret, VersionId: aws.String(versionID)})
	})
	if err != nil {
		return nil, err
	}
	if aws.ToString(out.ARN) == "" {
		return nil, c.lacks("secret")
	}
	if out.SecretString == nil {
		return nil, c.refuse(rotation.ErrBadSecret, fmt.Sprintf("the value of its version %s is binary: keyturn keeps JSON objects only", versionID))
	}
	doc, err := parseDocument(*out.SecretString)
	if err != nil {
		return nil, c.refuse(rotation.ErrBadSecret, fmt.Sprintf("the value of its version %s cannot be kept: %v", versionID, err))
	}
	return doc, nil
}
