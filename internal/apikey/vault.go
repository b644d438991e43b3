package apikey

import "context"

// Vault keeps the shards. awscloud has it in Secrets Manager.
type Vault interface {
	// Read gives a shard's document and the version that it is. rotation.ErrNoSecret: there is none; rotation.ErrPendingDeletion:
	// a person deleted it.
	Read(ctx context.Context, shard int) (Document, error)
	// Create makes a shard with its first document, in one step. rotation.ErrSecretExists: it stands already.
	Create(ctx context.Context, shard int, value []byte) error
	// Replace puts a document in the place of the version from, or fails with rotation.ErrConflict when another one stands there
	// by now. After any error that is not definite (rotation.Definite) it may have happened: read again.
	Replace(ctx context.Context, shard int, from, to string, value []byte) error
}

// Document is what a shard holds now.
type Document struct {
	Version string // VersionId
	Value   []byte // JSON
}

// MaxDocument is how much a shard may hold: 64 KiB, as Secrets Manager counts the value of a secret.
const MaxDocument = 65_536
