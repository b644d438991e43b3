package config

import (
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestChangesNameEveryKeyThatDiffers(t *testing.T) {
	before := parse(t, someUsers+`
schedules:
  slow: {rotate_every: 90d, deactivate_after: 97d, delete_after: 104d}
  gone: {rotate_every: 90d, deactivate_after: 97d, delete_after: 104d}
administrators: [a]
secret: {tags: {team: a}}
`)
	after := parse(t, `
users: {include: [{name: "other-*"}]}
schedule: {rotate_every: "0 3 * * SUN", time_zone: Europe/Berlin, deactivate_after: 8d, delete_after: 10d}
schedules:
  slow: {rotate_every: 91d, deactivate_after: 97d, delete_after: 104d}
  new: {rotate_every: 90d, deactivate_after: 97d, delete_after: 104d}
profile: other
secret: {tags: {team: b}, existing: true}
jitter: 2%
pace: {iam: 10}
`)
	want := []string{
		"profile: nothing → other", "users.include changed", "administrators changed",
		`schedule.rotate_every: 10m → "0 3 * * SUN"`, "schedule.time_zone: nothing → Europe/Berlin",
		"schedule.deactivate_after: 12m → 8d", "schedule.delete_after: 15m → 10d",
		"schedules.gone is gone", "schedules.new is new", "schedules.slow changed",
		"secret.tags.team changed", "secret.existing: false → true", "jitter: 1% → 2%", "pace.iam: 20 → 10",
	}
	if got := before.Changes(after); !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%s", strings.Join(got, "\n"))
	}
	if got := before.Changes(before); len(got) > 0 {
		t.Errorf("nothing changed, and it says %q", got)
	}
}

// TestChangesSeeEveryKey: a key that is added later is not forgotten.
func TestChangesSeeEveryKey(t *testing.T) {
	for _, k := range keys {
		v := Default().at(k.Path)
		if !v.IsValid() || v.Kind() == reflect.Struct && !ofOneWord(v.Type()) {
			continue
		}
		next := Default()
		switch at := next.at(k.Path); at.Kind() {
		case reflect.Struct: // a scalar of several parts
			at.Field(0).SetInt(at.Field(0).Int() + 1)
		case reflect.String:
			at.SetString(at.String() + "x")
		case reflect.Bool:
			at.SetBool(!at.Bool())
		case reflect.Float64:
			at.SetFloat(at.Float() + 1)
		case reflect.Slice:
			at.Set(reflect.MakeSlice(at.Type(), 1, 1))
		case reflect.Map:
			at.Set(reflect.MakeMap(at.Type()))
			at.SetMapIndex(reflect.ValueOf("x"), reflect.Zero(at.Type().Elem()))
		default:
			at.SetInt(at.Int() + 1)
		}
		if got := Default().Changes(next); len(got) != 1 || !strings.HasPrefix(got[0], k.Path) {
			t.Errorf("%s differs, and it says %q", k.Path, got)
		}
	}
}

func ofOneWord(t reflect.Type) bool {
	_, ok := reflect.New(t).Interface().(scalar)
	return ok
}

func TestTheSocketStandsBesideTheDatabase(t *testing.T) {
	for text, want := range map[string]string{
		"":                            "/etc/keyturn/keyturn.sock",
		"database: /var/lib/k/a.db":   "/var/lib/k/a.sock",
		"database: plain":             "/etc/keyturn/plain.sock",
		"socket: run/k.sock":          "/etc/keyturn/run/k.sock",
		"socket: /run/keyturn/k.sock": "/run/keyturn/k.sock",
	} {
		c, err := Parse("/etc/keyturn/keyturn.yaml", []byte(someUsers+text))
		if err != nil || c.SocketPath() != filepath.FromSlash(want) {
			t.Errorf("%q: %s, %v", text, c.SocketPath(), err)
		}
	}
}
