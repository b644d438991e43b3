package store

import (
	"reflect"
	"strings"
	"testing"

	"github.com/keyturn/keyturn/internal/rotation"
)

// No statement takes a secret, and its error does not give it away.
func TestSensitiveCannotBeBound(t *testing.T) {
	s := openAt(t, Memory)
	const canary = "canary/SECRET+4b1d"
	secret := rotation.NewSensitive(canary)
	for name, v := range map[string]any{"value": secret, "pointer": &secret, "in a struct": struct{ S rotation.Sensitive }{secret}} {
		_, err := s.exec(t.Context(), "INSERT INTO outcomes (event, at, outcome, key_id, detail) VALUES (1, 1, 'done', '', $1)", v)
		if err == nil {
			t.Errorf("%s: a secret was stored", name)
		} else if strings.Contains(err.Error(), canary) {
			t.Errorf("%s: the error gives the secret away", name)
		}
	}
}

// What the store is given has no place for a secret either.
func TestNothingStoredHoldsASecret(t *testing.T) {
	var walk func(path string, typ reflect.Type)
	walk = func(path string, typ reflect.Type) {
		switch typ.Kind() {
		case reflect.Func, reflect.Interface, reflect.Chan:
			t.Errorf("%s is a %s, which could hold a secret", path, typ)
		case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
			walk(path+"[]", typ.Elem())
		case reflect.Struct:
			if typ.PkgPath() == "time" {
				return
			}
			if typ == reflect.TypeFor[rotation.Sensitive]() {
				t.Errorf("%s is a secret", path)
				return
			}
			for i := range typ.NumField() {
				walk(path+"."+typ.Field(i).Name, typ.Field(i).Type)
			}
		}
	}
	for _, v := range []any{rotation.Event{}, rotation.Standing{}, Line{}, Entry{}, Health{}} {
		walk(reflect.TypeOf(v).String(), reflect.TypeOf(v))
	}
}
