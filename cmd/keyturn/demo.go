package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/charmbracelet/x/term"
	"github.com/spf13/cobra"

	"github.com/keyturn/keyturn/internal/demo"
)

// newDemo is `keyturn demo`.
func newDemo(o *options) *cobra.Command {
	var d demo.Options
	var ready string
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Watch a fleet being rotated in a simulated AWS",
		Long: "demo starts a simulated AWS on this machine, puts a dozen IAM users of different situations under care, and lets " +
			"consumers sign calls with their keys all the time, while keyturn rotates them.\n\nIt needs no AWS account, and leaves " +
			"keyturn.yaml, AWS_* variables and ~/.aws alone. The endpoint and credentials that it prints work with the aws CLI and " +
			"every SDK, and so do the two variables by which an application gets a user's rotated key from keyturn's API. With --once it exits 0 when no safety rule was broken and no consumer's call failed, and 1 otherwise.",
		Example: "# Until you press q\nkeyturn demo\n\n# At a sixth of that pace\nkeyturn demo --speed 10\n\n" +
			"# Three full cycles, for a script\nkeyturn demo --once --json",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.json && !d.Once {
				return usagef("`keyturn demo --json` needs --once: the result is one JSON object at the end")
			}
			if !(d.Speed >= 1 && d.Speed <= demo.MostSpeed) {
				return usagef("--speed %g is out of range: give a number from 1 to %d, as AWS's times have whole seconds", d.Speed,
					demo.MostSpeed)
			}
			d.In, d.Out, d.Env = cmd.InOrStdin(), cmd.OutOrStdout(), os.Environ()
			d.Quiet, d.Words = o.json, topWords
			d.Live = !d.Once && onTerminal(d.Out) && onTerminal(d.In)
			if ready != "" {
				if err := forget(ready); err != nil {
					return err
				}
				d.Serving = func(a demo.Access) error { return writeWhole(ready, a) }
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGHUP) // the terminal is closed: leave nothing behind
			defer stop()
			sum, err := demo.Run(ctx, d)
			if errors.Is(err, demo.ErrOptions) {
				return usagef("%v", err)
			}
			if o.json && sum.Users > 0 {
				if err := json.NewEncoder(d.Out).Encode(sum); err != nil {
					return fmt.Errorf("writing the summary: %w", err)
				}
			} else if sum.Users > 0 {
				fmt.Fprint(d.Out, sum.Text())
			}
			if err != nil {
				return err
			}
			return sum.Err()
		},
	}
	jsonFlag(cmd, o, "print the summary as one JSON object, and nothing else (with --once)")
	f := cmd.Flags()
	f.BoolVar(&d.Once, "once", false, "end after three full cycles of every plain user")
	f.Float64Var(&d.Speed, "speed", demo.MostSpeed, "divide every duration, in keyturn and in the simulated AWS: 1 to 60")
	f.StringVar(&d.Database, "database", "", "keep keyturn's journal in this new file (default: a temporary one)")
	f.StringVar(&ready, "ready-file", "", "write endpoint, credentials, the API's address and key, and a container URL for each user there, as JSON")
	return cmd
}

func onTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(f.Fd())
}
