package api

import (
	"os"
	"strings"
	"testing"

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
