package api

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/rotation"
)

func TestEveryReasonHasASentence(t *testing.T) {
	text, err := os.ReadFile("../rotation/reason.go")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for line := range strings.SplitSeq(string(text), "\n") {
		if _, value, ok := strings.Cut(line, " Reason = \""); ok {
			found++
			if reason := strings.TrimSuffix(value, "\""); sentences[rotation.Reason(reason)] == "" {
				t.Errorf("the reason %q has no sentence for people in sentences.go", reason)
			}
		}
	}
	if found < 30 {
		t.Errorf("only %d reasons were found in reason.go", found)
	}
}

// With both slots taken the sentence and the time to ask again name the same moment: when the older key goes, and not the next look.
func TestWhenToAskAgainIsWhatTheSentenceSays(t *testing.T) {
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	gone, look := now.Add(12*time.Minute), now.Add(time.Minute)
	when := func(t, _ time.Time) string { return "at " + t.Format(time.TimeOnly) }
	two := []rotation.ClassifiedKey{{Class: rotation.ClassPrevious}, {Class: rotation.ClassCurrent}}
	taken := fleet.Answer{Reason: rotation.ReasonGrace, At: now, Recheck: look, Keys: two, Then: []rotation.Forecasted{
		{Action: rotation.DeactivateKey, At: look}, {Action: rotation.DeleteKey, At: gone}}}
	if at, said := RotateAgain(taken), NotRotated(taken, when); !at.Equal(gone) || !strings.Contains(said, "deleted at 12:12:00") {
		t.Errorf("%s: %s", at, said)
	}
	one := taken
	one.Keys = two[1:]
	if at, said := RotateAgain(one), NotRotated(one, when); !at.Equal(look) || !strings.Contains(said, "ask again at 12:01:00") {
		t.Errorf("%s: %s", at, said)
	}
}
