package main

import (
	"strings"
	"testing"

	"github.com/keyturn/keyturn/internal/config"
)

// Real AWS does not bear a new value more often than every 10 minutes; every schedule that is too fast is named, and no other.
func TestUnsustainedSchedules(t *testing.T) {
	cfg, err := config.Parse("keyturn.yaml", []byte(`
users: {include: [{path: "/service/"}]}
schedule: {rotate_every: 10m, deactivate_after: 12m, delete_after: 15m}
schedules:
  hasty: {rotate_every: 6m, deactivate_after: 7m, delete_after: 8m}
  calm: {rotate_every: 90d, deactivate_after: 97d, delete_after: 100d}
`))
	if err != nil {
		t.Fatal(err)
	}
	got := unsustained(cfg)
	if len(got) != 1 || !strings.HasPrefix(got[0], "schedules.hasty: rotate_every is 6m, and AWS advises against") {
		t.Errorf("unsustained schedules: %q", got)
	}
	late := graceWarnings(cfg)
	if len(late) != 2 || !strings.HasPrefix(late[0], "schedule: the grace") || !strings.HasPrefix(late[1], "schedules.hasty: the grace") {
		t.Errorf("warnings of a short grace: %q", late)
	}
}
