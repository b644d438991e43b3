package main

import (
	"io"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// Every command can be asked for help, its examples included.
func TestHelpOfEveryCommand(t *testing.T) {
	var ask func(*cobra.Command)
	ask = func(c *cobra.Command) {
		path := strings.Fields(c.CommandPath())[1:]
		var out strings.Builder
		if code := run(t.Context(), append(path, "--help"), &out, io.Discard); code != 0 || !strings.Contains(out.String(), c.Name()) {
			t.Errorf("keyturn %s --help: exit code %d: %s", strings.Join(path, " "), code, out.String())
		}
		for _, sub := range c.Commands() {
			ask(sub)
		}
	}
	ask(newRoot(&options{out: newPrinter(io.Discard, io.Discard)}))
}
