package rotation

import "time"

// NewKey is an access key with its secret: just made, the only time IAM ever gives the secret away, or read back from the
// version that stores it.
type NewKey struct {
	ID      string
	Secret  Sensitive
	Created time.Time // IAM's CreateDate, whole seconds; zero when the stored value does not say
}
