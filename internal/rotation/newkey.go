package rotation

import "time"

// NewKey is an access key with its secret: just made, the only time IAM ever gives the secret away, or read back from the
// version that stores it.
type NewKey struct {
	ID      string
	Secret  Sensitive
	Created time.Time // IAM's CreateDate, whole seconds; zero when the stored value does not say
}

// IsKeyID reports whether a text can be the id of an access key: 16 to 128 characters, as the API reference of IAM says, and all of those
// that IAM makes are capitals and digits. Whatever else stands in its place may be a secret that a person put into the wrong field, so it
// is neither repeated nor recorded.
func IsKeyID(text string) bool {
	for i := range len(text) {
		if c := text[i]; (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return false
		}
	}
	return len(text) >= 16 && len(text) <= 128
}
