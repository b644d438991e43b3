package store

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/keyturn/keyturn/internal/rotation"
)

// stamp is a time as the tables hold it: microseconds, rounded up, so that nothing ends early. 0 for the zero time.
func stamp(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	us := t.UnixMicro()
	if t.Nanosecond()%1000 > 0 {
		us++
	}
	return us
}

// moment is "now" as stamps are compared with it: rounded down.
func moment(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// unstamp is the reverse of stamp.
func unstamp(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

// text is what both databases can hold: UTF-8 without NUL.
func text[T ~string](s T) string {
	return strings.ReplaceAll(strings.ToValidUTF8(string(s), "\uFFFD"), "\x00", "\uFFFD")
}

// storedKey is an access key as users.access_keys holds it.
type storedKey struct {
	ID      string             `json:"id"`
	Status  rotation.KeyStatus `json:"status"`
	Class   rotation.Class     `json:"class"`
	Created time.Time          `json:"created"`
}

// encodeKeys tells nil (not read) from empty (none): ” and '[]'.
func encodeKeys(keys []rotation.ClassifiedKey) (string, error) {
	if keys == nil {
		return "", nil
	}
	out := make([]storedKey, 0, len(keys))
	for _, k := range keys {
		out = append(out, storedKey{k.ID, k.Status, k.Class, k.Created.UTC()})
	}
	b, err := json.Marshal(out)
	return string(b), err
}

func decodeKeys(s string) ([]rotation.ClassifiedKey, error) {
	if s == "" {
		return nil, nil
	}
	var in []storedKey
	if err := json.Unmarshal([]byte(s), &in); err != nil {
		return nil, fmt.Errorf("reading the column access_keys: %w", err)
	}
	out := make([]rotation.ClassifiedKey, 0, len(in))
	for _, k := range in {
		out = append(out, rotation.ClassifiedKey{
			Key: rotation.Key{ID: k.ID, Status: k.Status, Created: k.Created}, Class: k.Class,
		})
	}
	return out, nil
}
