//go:build !linux

package daemon

import "time"

// monotonic is asked for by systemd only, which runs on Linux.
func monotonic() time.Duration { return 0 }
