package apikey

import (
	"hash/crc32"
	"math"
	"regexp"
	"strings"
	"testing"
)

func TestTextOfAKey(t *testing.T) {
	scanner := regexp.MustCompile(Pattern)
	seen := map[string]bool{}
	for range 1000 {
		id, text := newText()
		s := text.Reveal()
		if got, err := ParseID(s); err != nil || got != id || seen[s] {
			t.Fatalf("%q, %v", got, err)
		}
		seen[s] = true
		if got := scanner.FindString(`key = "` + s + `"`); got != s {
			t.Fatalf("a secret scanner would find %d characters of it", len(got))
		}
		sum := crc32.ChecksumIEEE([]byte(s[:textLength-sumLength]))
		for i := textLength - 1; i >= textLength-sumLength; i-- {
			if s[i] != digits[sum%62] {
				t.Fatal("the checksum is not the CRC-32 that the documentation names")
			}
			sum /= 62
		}
	}
	if bits := secretLength * math.Log2(62); bits < 160 {
		t.Fatalf("only %.1f random bits", bits)
	}
}

// Every character is drawn about equally often.
func TestEveryCharacterIsAsLikely(t *testing.T) {
	const n = 62 * 2000
	text := randomDigits(n)
	for _, c := range digits {
		if got := strings.Count(text, string(c)); got < 1700 || got > 2300 { // six and a half standard deviations
			t.Errorf("%q came %d times in %d", c, got, n)
		}
	}
}

// One wrong character anywhere, two that changed places, one missing or doubled: no server needs to be asked.
func TestTyposAreFound(t *testing.T) {
	_, text := newText()
	s := text.Reveal()
	wrong := func(typo string) {
		t.Helper()
		if typo != s && wellFormed(typo) {
			t.Errorf("%d characters differ and nobody noticed", len(typo))
		}
	}
	for i := range len(s) {
		for _, c := range digits + "_ -" {
			wrong(s[:i] + string(c) + s[i+1:])
		}
		wrong(s[:i] + s[i+1:])
		wrong(s[:i] + s[i:i+1] + s[i:])
		if i > 0 {
			wrong(s[:i-1] + s[i:i+1] + s[i-1:i] + s[i+1:])
		}
	}
}

func FuzzParse(f *testing.F) {
	_, text := newText()
	f.Add("keyturn_0123456789_012345678901234567890123456789abcdef")
	f.Add(text.Reveal())
	f.Add("keyturn_")
	scanner := regexp.MustCompile(`^` + Pattern + `$`)
	f.Fuzz(func(t *testing.T, s string) {
		id, err := ParseID(s)
		if err == nil && (!scanner.MatchString(s) || len(id) != idLength || !strings.Contains(s, id)) {
			t.Fatalf("%q was taken", s)
		}
		var none snapshot
		if err == nil && none.look(s, here, none.oldest, none.oldest).caller != nil {
			t.Fatal("let in by nobody")
		}
	})
}

func FuzzDocument(f *testing.F) {
	f.Add([]byte(`{"v":1,"shards":1,"keys":[{"id":"0123456789","sha256":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","name":"x","created":1,"expires":2,"networks":["10.0.0.0/8"],"consumer":"ci"}],"revoked":[{"id":"x","at":1}]}`))
	f.Add([]byte(`{"v":1,"keys":null}`))
	f.Fuzz(func(t *testing.T, value []byte) {
		d, err := readDocument(value)
		if err != nil {
			return
		}
		assemble([]held{{doc: d}})
		again, err := d.encode()
		if err != nil {
			return // longer than it was: escapes
		}
		if _, err := readDocument(again); err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
	})
}
