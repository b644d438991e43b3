package apikey

import (
	"crypto/rand"
	"crypto/sha256"
	"hash/crc32"

	"github.com/keyturn/keyturn/internal/rotation"
)

// The text of a key is
//
//	keyturn_ID_SECRETSUM
//
// in letters and digits: ID has 10 characters and is no secret, SECRET has 30 random ones (178 bits), and SUM is the CRC-32 of all
// before it in base 62, six characters, so that a typo is told from an unknown key without asking anyone.
const (
	// Prefix begins every key.
	Prefix = "keyturn_"
	// Pattern is what secret scanners look for (RE2 syntax).
	Pattern = `\bkeyturn_[0-9A-Za-z]{10}_[0-9A-Za-z]{36}\b`

	idLength     = 10
	secretLength = 30
	sumLength    = 6
	textLength   = len(Prefix) + idLength + 1 + secretLength + sumLength // 55: SHA-256 takes it in one block
)

const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// newText makes a new key: its id and its text.
func newText() (id string, text rotation.Sensitive) {
	id = randomDigits(idLength)
	t := Prefix + id + "_" + randomDigits(secretLength)
	return id, rotation.NewSensitive(t + checksum(t))
}

// randomDigits draws characters that are all equally likely: a byte beyond the last multiple of 62 is drawn again.
func randomDigits(n int) string {
	out := make([]byte, 0, n)
	var b [64]byte
	for len(out) < n {
		rand.Read(b[:]) // never fails: it ends the program instead
		for _, c := range b {
			if c < 4*62 && len(out) < n {
				out = append(out, digits[c%62])
			}
		}
	}
	return string(out)
}

func checksum(t string) string {
	sum := checksumOf(t)
	return string(sum[:])
}

func checksumOf(t string) (out [sumLength]byte) {
	n := ^uint32(0)
	for i := range len(t) { // crc32.ChecksumIEEE would have the text copied to the heap
		n = crc32.IEEETable[byte(n)^t[i]] ^ n>>8
	}
	n = ^n
	for i := sumLength - 1; i >= 0; i-- {
		out[i] = digits[n%62]
		n /= 62
	}
	return out
}

// ParseID gives the id in a key's text, or ErrMalformed. It asks nobody: the key may be unknown all the same.
func ParseID(text string) (string, error) {
	if !wellFormed(text) {
		return "", ErrMalformed
	}
	return text[len(Prefix) : len(Prefix)+idLength], nil
}

func wellFormed(text string) bool {
	if len(text) != textLength || text[:len(Prefix)] != Prefix || text[len(Prefix)+idLength] != '_' {
		return false
	}
	for i := len(Prefix); i < textLength; i++ {
		c := text[i]
		if !('0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z') && i != len(Prefix)+idLength {
			return false
		}
	}
	sum := checksumOf(text[:textLength-sumLength])
	return text[textLength-sumLength:] == string(sum[:])
}

// hash is all that is kept of a key.
func hash(text string) [sha256.Size]byte {
	var b [textLength]byte
	copy(b[:], text)
	return sha256.Sum256(b[:])
}
