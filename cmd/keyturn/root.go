package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"strings"

	"charm.land/fang/v2"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// options are what every command shares.
type options struct {
	config  string // path of the configuration file
	json    bool   // of the command that is run; false where it has no --json
	verbose bool
	out     *printer
}

// run is the program: arguments in, exit code out. Tests start it as a process of its own.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o := &options{out: newPrinter(stdout, stderr)}
	root := newRoot(o)
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := fang.Execute(ctx, root, fang.WithVersion(versionText()), fang.WithErrorHandler(
		func(io.Writer, fang.Styles, error) {})) // worded below, in one sentence
	return o.out.exit(err)
}

func newRoot(o *options) *cobra.Command {
	root := &cobra.Command{
		Use:   "keyturn",
		Short: "Rotate the access keys of AWS IAM users",
		Long: "keyturn rotates the access keys of AWS IAM users: it makes a new key, stores it in AWS Secrets Manager, proves that it " +
			"works, and retires the old one after a grace.\n\nTry `keyturn demo` first: it needs no AWS account.",
		Example: "# A whole fleet, rotated before your eyes in a simulated AWS\nkeyturn demo\n\n" +
			"# On a real account\nkeyturn config example > keyturn.yaml\nkeyturn config check --live\nkeyturn plan\nkeyturn run",
		Args: noSubcommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.PersistentFlags().StringVarP(&o.config, "config", "c", "keyturn.yaml", "configuration file")
	root.PersistentFlags().BoolVar(&o.verbose, "verbose", false, "log every step to stderr")
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(newRun(o), newServe(o), newPlan(o), newRotate(o), newRollback(o), newRevoke(o), newAdopt(o), newPause(o),
		newResume(o), newStatus(o), newEvents(o), newAccesses(o), newConfig(o), newPolicy(o), newAPIKey(o), newDB(o), newScan(o), newTop(o), newSim(o), newDemo(o),
		newGet(o), newExec(o), newAgent(o), newCredentialProcess(o), newConnect(o), newVersion(o))
	return root
}

// jsonFlag gives a command the flag --json.
func jsonFlag(cmd *cobra.Command, o *options, what string) {
	cmd.Flags().BoolVar(&o.json, "json", false, what)
}

// logger writes to stderr: every step with --verbose, otherwise only what goes wrong unnoticed.
func (o *options) logger() *slog.Logger {
	level := slog.LevelError
	if o.verbose {
		level = slog.LevelInfo
	}
	return slog.New(slog.NewTextHandler(o.out.err, &slog.HandlerOptions{Level: level}))
}

// usageError is a command line that cannot be carried out.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

func usagef(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }

// noSubcommand refuses what is no subcommand, and names the nearest one.
func noSubcommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := fmt.Sprintf("; see `%s --help`", cmd.CommandPath())
	cmd.SuggestionsMinimumDistance = 2
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		hint = fmt.Sprintf("; did you mean `%s %s`?", cmd.CommandPath(), near[0])
	}
	return usagef("there is no command `%s %s`%s", cmd.CommandPath(), args[0], hint)
}

// noArguments is for commands that take flags only.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef("`%s` takes no argument, but %q was given; see `%s --help`", cmd.CommandPath(), args[0], cmd.CommandPath())
	}
	return nil
}

// flagError words a wrong flag in one sentence, with the nearest right one.
func flagError(cmd *cobra.Command, err error) error {
	if errors.Is(err, pflag.ErrHelp) {
		return err
	}
	text := strings.TrimSuffix(err.Error(), ".")
	if m := badValue.FindStringSubmatch(text); m != nil { // Go's own words say nothing to people
		return usagef("%s is no value for %s: give %s; see `%s --help`", m[1], m[2], wanted[m[3]], cmd.CommandPath())
	}
	name, unknown := strings.CutPrefix(text, "unknown flag: --")
	if !unknown {
		return usagef("%s; see `%s --help`", text, cmd.CommandPath())
	}
	near, least := "", len(name)/2+1
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if d := letters(name, f.Name); d < least && !f.Hidden {
			near, least = f.Name, d
		}
	})
	if near == "" {
		return usagef("`%s` has no flag --%s; see `%s --help`", cmd.CommandPath(), name, cmd.CommandPath())
	}
	return usagef("`%s` has no flag --%s; did you mean --%s?", cmd.CommandPath(), name, near)
}

// badValue is what pflag says of a value that Go cannot read, and wanted what to give instead, by Go's word.
var (
	badValue = regexp.MustCompile(`^invalid argument (".*") for "(?:-\w, )?(--[\w-]+)" flag: (strconv\.Parse\w+|time):`)
	wanted   = map[string]string{"strconv.ParseInt": "a whole number", "strconv.ParseFloat": "a number", "strconv.ParseBool": "true or false",
		"time": "a duration such as 90s or 10m"}
)

// letters is how many letters of two names differ when both are read from the start and from the end.
func letters(a, b string) int {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	j := 0
	for j < len(a)-i && j < len(b)-i && a[len(a)-1-j] == b[len(b)-1-j] {
		j++
	}
	return max(len(a), len(b)) - i - j
}
