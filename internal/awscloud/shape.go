package awscloud

import (
	"time"

	"github.com/keyturn/keyturn/internal/rotation"
)

// shape is a pair of field names under which people keep access keys.
type shape struct{ id, secret string }

// shapes are those seen in the wild, beside the configured names.
var shapes = []shape{
	{"AccessKeyId", "SecretAccessKey"},
	{"aws_access_key_id", "aws_secret_access_key"},
	{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"},
	{"access_key_id", "secret_access_key"},
	{"accessKeyId", "secretAccessKey"},
	{"access_key", "secret_key"},
}

// held is the access key found in a value.
type held struct {
	key     rotation.NewKey
	where   string // the field that names it
	foreign bool   // not under the configured names
}

// find looks for an access key: under the configured names, then under the well-known ones, in the object that CreateAccessKey
// answers, and in SMTP shapes, which name a key but hold no secret access key.
func (d *document) find(own Fields) (held, bool) {
	if h, ok := d.pair(shape{own.AccessKeyID, own.SecretAccessKey}, own); ok {
		return h, true
	}
	for _, s := range shapes {
		if h, ok := d.pair(s, own); ok {
			h.foreign = true
			return h, true
		}
	}
	if in := d.inner("AccessKey"); in != nil {
		if h, ok := in.pair(shapes[0], Fields{CreatedDate: "CreateDate"}); ok {
			h.where, h.foreign = "AccessKey."+h.where, true
			return h, true
		}
	}
	for _, name := range []string{"username", "smtp_username", "SMTP_USERNAME", "user"} {
		if id, ok := d.text(name); ok && looksLikeKeyID(id) {
			return held{key: rotation.NewKey{ID: id}, where: name, foreign: true}, true
		}
	}
	return held{}, false
}

func (d *document) pair(s shape, own Fields) (held, bool) {
	id, ok := d.text(s.id)
	if !ok || id == "" {
		return held{}, false
	}
	h := held{key: rotation.NewKey{ID: id}, where: s.id}
	if secret, ok := d.text(s.secret); ok && secret != "" {
		h.key.Secret = rotation.NewSensitive(secret)
	}
	if at, ok := d.text(own.CreatedDate); ok && own.CreatedDate != "" {
		if t, err := time.Parse(time.RFC3339, at); err == nil { // a date in another form is no date to us
			h.key.Created = t
		}
	}
	return h, true
}

func looksLikeKeyID(s string) bool {
	if len(s) < 16 || len(s) > 128 || s[:4] != "AKIA" {
		return false
	}
	for i := 0; i < len(s); i++ {
		if c := s[i]; !('A' <= c && c <= 'Z' || '0' <= c && c <= '9') {
			return false
		}
	}
	return true
}
