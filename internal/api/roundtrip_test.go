package api

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/rotation"
)

// TestNothingIsLostOnTheWire sends a value of which no part is zero there and back: a part that is lost shows.
func TestNothingIsLostOnTheWire(t *testing.T) {
	there(t, UserOf, User.State)
	there(t, AheadOf, Ahead.Ahead)
	there(t, EventOf, Event.Happening)
	there(t, FleetOf, Fleet.Snapshot)
	there(t, ForesightOf, Foresight.Foresight)
	there(t, AnswerOf, Answer.Answer)
}

// TestZeroIsZeroOnTheWire: what is not known is so at the other end.
func TestZeroIsZeroOnTheWire(t *testing.T) {
	again := func(t *testing.T, in, out any) {
		t.Helper()
		if text, _ := json.Marshal(in); len(text) == 0 || string(text) == "null" {
			t.Errorf("%T gives %s", in, text)
		}
		if d := cmp.Diff(in, out); d != "" {
			t.Error(d)
		}
	}
	u := UserOf(fleet.State{})
	again(t, u, UserOf(u.State()))
	if !u.State().At.IsZero() || u.LookedAt != nil || u.Keys == nil {
		t.Errorf("%+v", u)
	}
	f := FleetOf(fleet.Snapshot{})
	again(t, f, FleetOf(f.Snapshot()))
	a := AnswerOf(fleet.Answer{})
	again(t, a, AnswerOf(a.Answer()))
}

// private is what an Action holds for the run that takes it, and nobody else.
var private = map[string]bool{"Base": true, "WithIntent": true, "Soft": true, "Notice": true, "Rotated": true, "Deactivated": true, "Deleted": true}

func there[F, W any](t *testing.T, out func(F) W, back func(W) F) {
	t.Helper()
	var in F
	n := 0
	fill(reflect.ValueOf(&in).Elem(), &n)
	text, err := json.Marshal(out(in))
	if err != nil {
		t.Fatal(err)
	}
	var w W
	if err := json.Unmarshal(text, &w); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	if d := cmp.Diff(in, back(w)); d != "" {
		t.Errorf("%T: %s", in, d)
	}
}

func fill(v reflect.Value, n *int) {
	*n++
	if v.Type() == reflect.TypeFor[time.Time]() {
		v.Set(reflect.ValueOf(time.Date(2026, 1, 2, 3, 4, 5, *n*1000, time.UTC)))
		return
	}
	switch v.Kind() {
	case reflect.Interface: // an error, which only its own process has
	case reflect.String:
		v.SetString("text <" + string(rune('a'+*n%26)) + "> – \"é\"")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(*n) * 1_000_000_007)
	case reflect.Float64:
		v.SetFloat(float64(*n) + 0.25)
	case reflect.Struct:
		summary := v.Type() == reflect.TypeFor[fleet.Summary]()
		for i := range v.NumField() {
			name := v.Type().Field(i).Name
			if v.Type() == reflect.TypeFor[rotation.Action]() && private[name] || summary && private[name] {
				continue
			}
			fill(v.Field(i), n)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0), n)
		fill(v.Index(1), n)
	default:
		panic("a Desk's types hold a " + v.Type().String() + ", which this test does not fill")
	}
}

func TestNames(t *testing.T) {
	for desk, path := range map[string]string{"ci-deploy": "ci-deploy", "123456789012/ci": "123456789012:ci", "..": ":..", ".": ":.",
		"123456789012/..": "123456789012:..", "a+b=c,d.@e_f-g": "a+b=c,d.@e_f-g"} {
		if got := PathName(desk); got != path {
			t.Errorf("PathName(%q) = %q, not %q", desk, got, path)
		}
		if got := DeskName(path); got != desk {
			t.Errorf("DeskName(%q) = %q, not %q", path, got, desk)
		}
	}
}
