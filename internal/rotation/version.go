package rotation

import (
	"crypto/sha1" // RFC 4122 section 4.3 fixes SHA-1 for version 5
	"crypto/sha256"
	"encoding/hex"
)

// versionNamespace is UUIDv5(DNS namespace, "keyturn.access-key"). It may never change: version ids of stored keys hang on it.
var versionNamespace = uuidV5([16]byte{
	0x6b, 0xa7, 0xb8, 0x10, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8,
}, "keyturn.access-key")

// VersionID is the VersionId (ClientRequestToken) under which an access key is stored: UUIDv5 of its id. So version ids map
// every IAM key to its stage without a secret value being read, and a repeated PutSecretValue is a no-op.
func VersionID(keyID string) string {
	u := uuidV5(versionNamespace, keyID)
	b := make([]byte, 0, 36)
	for i, part := range [...][]byte{u[0:4], u[4:6], u[6:8], u[8:10], u[10:16]} {
		if i > 0 {
			b = append(b, '-')
		}
		b = hex.AppendEncode(b, part)
	}
	return string(b)
}

// ours reports whether a version id has the form that only we give: UUID version 5. The console and the SDKs make version 4.
func ours(versionID string) bool {
	return len(versionID) == 36 && versionID[14] == '5'
}

func uuidV5(namespace [16]byte, name string) [16]byte {
	h := sha1.New()
	h.Write(namespace[:])
	h.Write([]byte(name))
	var u [16]byte
	copy(u[:], h.Sum(nil))
	u[6] = u[6]&0x0f | 0x50
	u[8] = u[8]&0x3f | 0x80
	return u
}

// keyHash stands for a key id in tags: the first 16 hex digits of its SHA-256, so that eight fit into a tag value.
func keyHash(keyID string) string {
	sum := sha256.Sum256([]byte(keyID))
	return hex.EncodeToString(sum[:8])
}
