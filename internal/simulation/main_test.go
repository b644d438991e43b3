package simulation

import (
	"os"
	"runtime/debug"
	"testing"
)

// TestMain lets the heap grow: the worlds are small and short, and collecting them took a third of the time.
func TestMain(m *testing.M) {
	debug.SetGCPercent(800)
	os.Exit(m.Run())
}
