package main

import (
	"strings"
	"testing"
)

// Figures that are measured again stand in place of those of before, and nothing else changes.
func TestReplace(t *testing.T) {
	all := &bench{rows: []row{{what: "one", measured: "1 s", verdict: met, note: "fast"}, {what: "two", measured: "9 s", bound: "≤ 3 s", verdict: missed, note: "slow"}},
		proofs: []proof{{what: "rules", ok: true, detail: "0 violations"}}}
	had := all.report(machine{load: "0.1"})
	again := &bench{rows: []row{{what: "two", measured: "2 s", bound: "≤ 3 s", verdict: met, note: "better"}}, proofs: []proof{{what: "rules", ok: true, detail: "none"}}}
	got, err := again.replace(had, []string{"second"}, machine{load: "0.2", kernel: "6.1"})
	if err != nil {
		t.Fatal(err)
	}
	if got, err = again.replace(got, []string{"second"}, machine{load: "0.3", kernel: "6.1"}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"| one | 1 s |", "- **one.** fast", "| two | 2 s | ≤ 3 s | met |", "- **two.** better", "| rules | proved | none |",
		"| load before | 0.1 |", ", load before 0.3, 6.1 |"} {
		if strings.Count(got, want) != 1 {
			t.Errorf("%q stands there %d times:\n%s", want, strings.Count(got, want), got)
		}
	}
	if strings.Contains(got, "MISSED") || strings.Contains(got, "0.2") {
		t.Errorf("what stood there before still does:\n%s", got)
	}
	if _, err := (&bench{rows: []row{{what: "three"}}}).replace(had, nil, machine{}); err == nil {
		t.Error("a figure that is not there was replaced")
	}
}
