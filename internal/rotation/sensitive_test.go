package rotation

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// TestSensitiveStaysHidden: whatever is done with a secret but Reveal, it is not seen, alone or in what holds it.
func TestSensitiveStaysHidden(t *testing.T) {
	const secret = "wJalrXUtnFEMIK7MDENG"
	s := NewSensitive(secret)
	if s.Reveal() != secret || s.IsZero() || (Sensitive{}).Reveal() != "" || !(Sensitive{}).IsZero() {
		t.Fatal("Reveal gives the secret")
	}
	holder := struct {
		Key    string
		Secret Sensitive
		Each   []Sensitive
	}{"K1", s, []Sensitive{s}}
	seen := map[string]string{"String": s.String(), "GoString": s.GoString()}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%t", "%p"} {
		seen[verb] = fmt.Sprintf(verb+" "+verb+" "+verb, s, &s, holder)
	}
	for name, handler := range map[string]func(*bytes.Buffer) slog.Handler{
		"slog text": func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
		"slog JSON": func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
	} {
		var b bytes.Buffer
		slog.New(handler(&b)).Info("made", "secret", s, "pointer", &s, "holder", holder)
		seen[name] = b.String()
	}
	for name, marshal := range map[string]func(any) ([]byte, error){
		"JSON": json.Marshal, "XML": xml.Marshal,
		"gob": func(v any) ([]byte, error) {
			var b bytes.Buffer
			err := gob.NewEncoder(&b).Encode(v)
			return b.Bytes(), err
		},
		"text":   func(any) ([]byte, error) { return s.MarshalText() },
		"binary": func(any) ([]byte, error) { return s.MarshalBinary() },
	} {
		out, err := marshal(holder)
		if err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: a secret can be marshalled: %v", name, err)
		}
		seen[name] = string(out)
	}
	for way, text := range seen {
		if strings.Contains(text, secret) || strings.Contains(text, fmt.Sprintf("%x", secret)) {
			t.Errorf("%s shows the secret: %s", way, text)
		}
	}
	for _, way := range []string{"String", "GoString", "%v", "%s", "slog text", "slog JSON"} {
		if !strings.Contains(seen[way], hidden) {
			t.Errorf("%s does not say that something is hidden: %s", way, seen[way])
		}
	}
}
