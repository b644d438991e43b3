package store

import (
	"context"
	"errors"
	"net/netip"
	"path/filepath"
	"strings"
	"time"

	"github.com/keyturn/keyturn/internal/rotation"
)

// Access is one credential that was about to be given to somebody.
type Access struct {
	At          time.Time     // needed
	Caller      string        // the id of an API key, or whatever else proves who asks; never a secret
	User        rotation.User // whose credential
	AccessKeyID string        // "": unknown
	Route       string        // by which way, such as "GET /v1/credentials/{user}"
	From        netip.Addr    // zero: unknown
}

// RecordAccess puts an access on record, and returns once that survives a power cut. An error means: no record, so no credential.
//
// Accesses that come at the same time are committed together. A crash before the commit is over leaves no record, and no credential
// was given; one after it leaves a record of a credential that may not have arrived.
func (s *Store) RecordAccess(ctx context.Context, a Access) error {
	if a.At.IsZero() || a.User == (rotation.User{}) {
		return errors.New("recording an access: a time and a user are needed")
	}
	if a.AccessKeyID != "" && !rotation.IsKeyID(a.AccessKeyID) { // these records are shown to people, and it may be a secret
		return errors.New("recording an access: what is given as the access key's id is none, and is not repeated here")
	}
	err := ctx.Err()
	if err == nil {
		err = s.accesses.record(a)
	}
	if err != nil {
		return s.accesses.fail("recording that "+a.Caller+" reads the credential of "+a.User.String(), err)
	}
	return nil
}

// OpenAccesses opens the file of access records, or makes it, so that a bad one is known before the first credential is asked for.
func (s *Store) OpenAccesses(ctx context.Context) error {
	_, err := s.accesses.opened(ctx)
	return s.accesses.fail("opening the access records", err)
}

// AccessPath is the file of access records that belongs to a database: keyturn.db has keyturn-access.db beside it.
func AccessPath(database string) string {
	if database == Memory {
		return Memory
	}
	ext := filepath.Ext(database)
	return strings.TrimSuffix(database, ext) + "-access" + ext
}
