//go:build soak

package apikey

import (
	"math"
	"slices"
	"testing"
	"time"
)

// An id that nobody has, and the id of a key with a wrong secret, cannot be told apart by the time that the refusal takes. It measures
// real time, so it is for `make soak`: short blocks, one of each kind in turn, so that whatever else this machine does meets both. A
// third kind, unknown ids again, tells how much two kinds differ that are the same.
func TestTimingTellsNothing(t *testing.T) {
	r := NewRing(Config{Vault: newVault()})
	var wrong, absent, control []string
	for range 100 {
		_, text := create(t, r, spec("ci"))
		wrong, absent, control = append(wrong, retold(text)), append(absent, unknown()), append(control, unknown())
	}
	block := func(texts []string) float64 {
		began := time.Now()
		for _, text := range texts {
			if _, err := r.Authenticate(bg, text, here); err == nil {
				t.Fatal("let in")
			}
		}
		return float64(time.Since(began)) / float64(len(texts))
	}
	const blocks = 60_000
	var real, same, all sample
	for i := range blocks {
		kinds := [][]string{absent, wrong, control}
		var took [3]float64
		for _, k := range [][]int{{0, 1, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}, {0, 2, 1}, {1, 0, 2}}[i%6] {
			took[k] = block(kinds[k])
		}
		real.add(took[1] - took[0])
		same.add(took[2] - took[0])
		all.add(took[0])
	}
	typical := all.mean()
	t.Logf("a refusal takes %.0f ns; a wrong secret %+.2f ns (standard error %.2f); other unknown ids %+.2f ns (%.2f)", typical,
		real.mean(), real.standardError(), same.mean(), same.standardError())
	// Five standard errors, and never stricter than two percent, some nanoseconds: by so much do the hundred texts of one kind differ from
	// the hundred of another, as they lie elsewhere in memory.
	bound := max(5*math.Hypot(real.standardError(), same.standardError()), typical/50)
	if d := math.Abs(real.mean() - same.mean()); d > bound {
		t.Errorf("a wrong secret takes %.2f ns longer than an unknown id, and chance explains %.2f", d, bound)
	}
}

// sample is numbers of which the outer tenths are left out: other programs' turns on the processor.
type sample []float64

func (s *sample) add(x float64) { *s = append(*s, x) }

func (s sample) middle() []float64 {
	sorted := slices.Clone(s)
	slices.Sort(sorted)
	return sorted[len(sorted)/10 : len(sorted)-len(sorted)/10]
}

func (s sample) mean() (m float64) {
	middle := s.middle()
	for _, x := range middle {
		m += x / float64(len(middle))
	}
	return m
}

func (s sample) standardError() float64 {
	middle, mean, sum := s.middle(), s.mean(), 0.0
	for _, x := range middle {
		sum += (x - mean) * (x - mean)
	}
	return math.Sqrt(sum / float64(len(middle)-1) / float64(len(middle)))
}
