package conformance

import (
	"flag"
	"strings"
	"testing"
)

// areas are all cases.
var areas = []area{
	{"iam-keys", keyCases},
	{"iam-key-use", keyUseCases},
	{"iam-users", userCases},
	{"iam-tags", userTagCases},
	{"iam-inventory", inventoryCases},
	{"iam-policies", policyCases},
	{"stacks", stackCases},
	{"sts", stsCases},
	{"wire", wireCases},
	{"secret-create", createCases},
	{"secret-put", putCases},
	{"secret-get", getCases},
	{"secret-stages", stageCases},
	{"secret-versions", versionCases},
	{"secret-tags", secretTagCases},
	{"secret-delete", deleteCases},
	{"secret-list", listCases},
	{"ses", sesCases},
}

// TestConformance runs every case on the simulator and on moto, and ends with the count.
func TestConformance(t *testing.T) {
	names := map[string]bool{}
	total, notMoto := 0, 0
	for _, a := range areas {
		for _, c := range a.cases {
			if name := a.name + "/" + c.Name; names[name] {
				t.Errorf("two cases are called %s", name)
			} else {
				names[name] = true
			}
			total++
			if c.NotMoto != "" {
				notMoto++
			}
		}
	}
	if total < 100 {
		t.Errorf("%d cases, want 100 at least", total)
	}
	if notMoto*5 > total {
		t.Errorf("%d of %d cases leave moto out, at most a fifth may", notMoto, total)
	}

	var sim, moto *emulator
	t.Run("awssim", func(t *testing.T) {
		sim = startSim(t)
		sim.run(t, true)
	})
	t.Run("moto", func(t *testing.T) {
		moto = startMoto(t)
		// One at a time: moto walks its users without a lock, and a call that meets another's change answers 500.
		moto.run(t, false)
	})
	count(t, total, notMoto, sim, moto)
}

// count prints what ran where. Of a whole and clean run it checks the numbers, and that no difference is idle.
func count(t *testing.T, total, notMoto int, sim, moto *emulator) {
	t.Helper()
	if sim == nil {
		return
	}
	if moto == nil {
		t.Logf("%d cases; %d ran on awssim; moto was NOT RUN", total, sim.ran.Load())
		return
	}
	t.Logf("%d cases; %d ran on awssim, %d on moto; %d known differences, %d of them used",
		total, sim.ran.Load(), moto.ran.Load(), len(differences), len(moto.differed))
	if pattern := flag.Lookup("test.run").Value.String(); strings.Contains(pattern, "/") || t.Failed() {
		return
	}
	if sim.ran.Load() != int64(total) {
		t.Errorf("awssim ran %d of %d cases", sim.ran.Load(), total)
	}
	if moto.ran.Load() != int64(total-notMoto) {
		t.Errorf("moto ran %d of %d cases", moto.ran.Load(), total-notMoto)
	}
	for _, d := range differences {
		if moto.differed[d.id] == 0 {
			t.Errorf("difference %q is used by no case: take it out of the table", d.id)
		}
	}
}

// run runs all cases on the emulator.
func (em *emulator) run(t *testing.T, parallel bool) {
	for _, a := range areas {
		t.Run(a.name, func(t *testing.T) {
			for _, c := range a.cases {
				if em.name == "moto" && c.NotMoto != "" {
					continue
				}
				t.Run(c.Name, func(t *testing.T) {
					if parallel {
						t.Parallel()
					}
					em.ran.Add(1)
					c.Run(newT(t, em))
				})
			}
		})
	}
}
