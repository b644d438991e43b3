package apikey

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"time"

	"github.com/keyturn/keyturn/internal/rotation"
)

// document is what a shard holds. One that this program cannot read whole is never written over.
type document struct {
	V      int        `json:"v"`                // 1
	Shards int        `json:"shards,omitempty"` // how many there are; in shard 0 only
	Keys   []keptKey  `json:"keys"`
	Others []deadline `json:"revoked,omitempty"` // keys of other shards, revoked here because theirs took no more versions
}

// keptKey is a key as it is kept. Times are Unix seconds.
type keptKey struct {
	ID       string         `json:"id"`
	SHA256   string         `json:"sha256"` // of its text, base64 without padding
	Name     string         `json:"name"`
	Scopes   []Scope        `json:"scopes,omitempty"`
	Users    []string       `json:"users,omitempty"`
	Consumer string         `json:"consumer,omitempty"` // stands for its scope and its user
	Networks []netip.Prefix `json:"networks,omitempty"`
	Created  int64          `json:"created"`
	By       string         `json:"by,omitempty"`
	Expires  int64          `json:"expires"`
	Revoked  int64          `json:"revoked,omitempty"`
	Follows  string         `json:"follows,omitempty"`
}

type deadline struct {
	ID string `json:"id"`
	At int64  `json:"at"`
}

const (
	maxShards = 1000
	// full leaves room for the marks of revoked keys.
	full = MaxDocument - 6_000
	// Secrets Manager keeps about a hundred versions and never drops one of the last day, so a shard takes about a hundred changes
	// a day. Creation leaves it the greater part: a revoke must always find room.
	createdADay = 40
)

var compact = base64.RawStdEncoding

// readDocument is strict: a document is taken whole or not at all.
func readDocument(value []byte) (*document, error) {
	bad := func(what string) (*document, error) {
		return nil, fmt.Errorf("%w: %s", rotation.ErrBadSecret, what)
	}
	if len(value) > MaxDocument {
		return bad("a document of API keys with more than 64 KiB")
	}
	d := &document{}
	in := json.NewDecoder(bytes.NewReader(value))
	in.DisallowUnknownFields()
	// What the decoder says might repeat what it read, and that might be somebody's secret put into the wrong place.
	if err := in.Decode(d); err != nil {
		return bad("it is no document of API keys, or one of a newer keyturn")
	}
	if _, err := in.Token(); !errors.Is(err, io.EOF) {
		return bad("something follows the document of API keys")
	}
	if d.V != 1 {
		return bad("it is no document of API keys, or one of a newer keyturn")
	}
	if d.Shards < 0 || d.Shards > maxShards {
		return bad("it names more shards of API keys than there can be")
	}
	for i, k := range d.Keys {
		sum, err := compact.DecodeString(k.SHA256)
		if err != nil || len(sum) != sha256.Size || len(k.ID) != idLength || k.Expires <= 0 {
			return bad(fmt.Sprintf("the API key at place %d is broken", i))
		}
		for _, n := range k.Networks {
			if !n.IsValid() {
				return bad(fmt.Sprintf("the networks of the API key at place %d are broken", i))
			}
		}
		for _, s := range k.Scopes {
			if !slices.Contains(Scopes, s) {
				return bad(fmt.Sprintf("the API key at place %d has a scope that this keyturn does not know", i))
			}
		}
	}
	return d, nil
}

// encode makes the value, errFull when it has no room for it.
func (d *document) encode() ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(d); err != nil {
		return nil, fmt.Errorf("writing the API keys: %w", err)
	}
	if out.Len() > MaxDocument {
		return nil, errFull
	}
	return out.Bytes(), nil
}

// prune forgets keys that were over long ago.
func (d *document) prune(now time.Time) {
	since := now.Add(-remembered).Unix()
	d.Keys = slices.DeleteFunc(d.Keys, func(k keptKey) bool {
		return k.Expires < since || k.Revoked != 0 && k.Revoked < since
	})
	// The key itself may still stand in its shard, unmarked: its mark stays until no key of that day can be alive, or it would be good again.
	since = now.Add(-LongestLife - remembered).Unix()
	d.Others = slices.DeleteFunc(d.Others, func(r deadline) bool { return r.At < since })
}

// room reports whether another key may be added.
func (d *document) room(k keptKey, now time.Time) bool {
	recent := 0
	for _, have := range d.Keys {
		if have.Created > now.Add(-24*time.Hour).Unix() {
			recent++
		}
	}
	value, err := (&document{V: 1, Shards: d.Shards, Keys: append(slices.Clone(d.Keys), k), Others: d.Others}).encode()
	return err == nil && len(value) <= full && recent < createdADay
}

func (d *document) find(id string) *keptKey {
	for i := range d.Keys {
		if d.Keys[i].ID == id {
			return &d.Keys[i]
		}
	}
	return nil
}

func kept(k Key, text rotation.Sensitive) keptKey {
	sum := hash(text.Reveal())
	out := keptKey{ID: k.ID, SHA256: compact.EncodeToString(sum[:]), Name: k.Name, Scopes: k.Scopes, Users: k.Users, Consumer: k.Consumer,
		Networks: k.Networks, Created: k.Created.Unix(), By: k.By, Expires: k.Expires.Unix(), Follows: k.Follows}
	if k.Consumer != "" {
		out.Scopes, out.Users = nil, nil
	}
	return out
}

func (k keptKey) key() Key {
	out := Key{ID: k.ID, Name: k.Name, Scopes: k.Scopes, Users: k.Users, Consumer: k.Consumer, Networks: k.Networks,
		Created: time.Unix(k.Created, 0).UTC(), By: k.By, Expires: time.Unix(k.Expires, 0).UTC(), Follows: k.Follows}
	if k.Consumer != "" {
		out.Scopes, out.Users = []Scope{ReadCredentials}, []string{k.Consumer}
	}
	if k.Revoked != 0 {
		out.Revoked = time.Unix(k.Revoked, 0).UTC()
	}
	return out
}
