//go:build unix

package main

import (
	"context"
	"fmt"
	"syscall"
)

// become has a command take the place of this process: signals, the terminal and the exit code are its own, and no copy of the secret stays.
func become(_ context.Context, path string, command, environment []string) error {
	return fmt.Errorf("%s could not be run: %w", path, syscall.Exec(path, command, environment))
}
