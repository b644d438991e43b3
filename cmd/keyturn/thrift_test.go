package main

import (
	"math"
	"runtime/debug"
	"testing"
)

// TestThrift: once credentials are read the daemon may use more memory and collects garbage less often; what the environment says counts
// for more.
func TestThrift(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(100))
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(math.MaxInt64))
	inForce := func() (percent int, limit int64) {
		percent = debug.SetGCPercent(100)
		debug.SetGCPercent(percent)
		return percent, debug.SetMemoryLimit(-1)
	}
	t.Setenv("GOGC", "")
	t.Setenv("GOMEMLIMIT", "")
	m := &thrift{}
	m.users(40_000)
	idle, least := inForce()
	m.reads()
	busy, most := inForce()
	if busy <= idle || most <= least {
		t.Errorf("GC at %d %% within %d bytes, and at %d %% within %d once credentials are read", idle, least, busy, most)
	}
	m.users(80_000)
	if _, grown := inForce(); grown <= most {
		t.Errorf("a fleet twice as large has %d bytes, half of it had %d", grown, most)
	}
	t.Setenv("GOGC", "50")
	t.Setenv("GOMEMLIMIT", "1GiB")
	debug.SetGCPercent(50)
	debug.SetMemoryLimit(1 << 30)
	m.users(10)
	if percent, limit := inForce(); percent != 50 || limit != 1<<30 {
		t.Errorf("GOGC=50 and GOMEMLIMIT=1GiB became %d %% and %d bytes", percent, limit)
	}
}
