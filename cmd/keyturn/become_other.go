//go:build !unix

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
)

// become runs a command as a process of its own and ends with its exit code. Who interrupts keyturn interrupts both, as they share the
// console; keyturn waits for the command's own end.
func become(_ context.Context, path string, command, environment []string) error {
	heard := make(chan os.Signal, 1)
	signal.Notify(heard, os.Interrupt)
	child := &exec.Cmd{Path: path, Args: command, Env: environment, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}
	err := child.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		os.Exit(exit.ExitCode())
	}
	if err != nil {
		return fmt.Errorf("%s could not be run: %w", path, err)
	}
	return nil
}
