package rotation

import (
	"errors"
	"fmt"
	"log/slog"
)

// Sensitive holds a secret access key, or any text that contains one. It cannot be printed, marshalled or logged: every such
// attempt gives "[secret]" or an error. Only Reveal gives it away; grep for it to find every place that does. The zero value
// holds nothing.
type Sensitive struct{ reveal func() string }

// NewSensitive wraps a secret.
func NewSensitive(s string) Sensitive { return Sensitive{reveal: func() string { return s }} }

const hidden = "[secret]"

var errHidden = errors.New("a secret value cannot be marshalled")

// Reveal gives the secret itself, "" for the zero value.
func (s Sensitive) Reveal() string {
	if s.reveal == nil {
		return ""
	}
	return s.reveal()
}

// IsZero reports whether it holds nothing.
func (s Sensitive) IsZero() bool { return s.reveal == nil }

// String hides the secret.
func (Sensitive) String() string { return hidden }

// GoString hides the secret from %#v.
func (Sensitive) GoString() string { return hidden }

// Format hides the secret from every verb of package fmt.
func (Sensitive) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(hidden)) }

// LogValue hides the secret from log/slog.
func (Sensitive) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalJSON refuses.
func (Sensitive) MarshalJSON() ([]byte, error) { return nil, errHidden }

// MarshalText refuses.
func (Sensitive) MarshalText() ([]byte, error) { return nil, errHidden }

// MarshalBinary refuses; encoding/gob uses it.
func (Sensitive) MarshalBinary() ([]byte, error) { return nil, errHidden }
