package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/keyturn/keyturn/internal/config"
	"github.com/keyturn/keyturn/internal/rotation"
)

func newConfig(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Check the configuration, or print an example or its schema",
		Args:  noSubcommand,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newConfigCheck(o), &cobra.Command{
		Use:     "example",
		Short:   "Print a complete configuration with comments, to start from",
		Example: "keyturn config example > keyturn.yaml",
		Args:    noArguments,
		RunE: func(*cobra.Command, []string) error {
			o.out.line("%s", strings.TrimSuffix(config.Example(), "\n"))
			return nil
		},
	}, &cobra.Command{
		Use:     "schema",
		Short:   "Print the JSON Schema of the configuration, for editors",
		Example: "keyturn config schema > keyturn.schema.json",
		Args:    noArguments,
		RunE: func(*cobra.Command, []string) error {
			o.out.line("%s", strings.TrimSuffix(string(config.Schema()), "\n"))
			return nil
		},
	})
	return cmd
}

// checkReport is `config check --json`.
type checkReport struct {
	File     string      `json:"file"`
	Warnings []string    `json:"warnings"`
	Problems []string    `json:"problems"` // what must be mended before `run` can do its work
	Live     *liveReport `json:"live,omitempty"`
}

// liveReport is what `--live` found out.
type liveReport struct {
	Account  string   `json:"account"`
	Identity string   `json:"identity"`
	Regions  []string `json:"regions"`
	Selected []string `json:"selected"`
	Refused  []string `json:"refused"` // sentences
	Missing  []string `json:"missing"` // IAM actions
}

func newConfigCheck(o *options) *cobra.Command {
	live := false
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Check the configuration; with --live against AWS too, changing nothing",
		Long: "Checks keyturn.yaml. With --live it also asks AWS, changing nothing: who keyturn is, which users are selected, which " +
			"permissions are missing, whether the KMS key and the names of the secrets can be used, and whether the schedule is one " +
			"that Secrets Manager sustains.",
		Example: "keyturn config check\nkeyturn config check --live",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := config.Load(o.config)
			if err != nil {
				return err
			}
			report := checkReport{File: o.config, Warnings: append(graceWarnings(cfg), cfg.WindowWarnings()...), Problems: []string{}}
			if live {
				o.out.step("asking AWS…")
				if err := report.ask(cmd.Context(), o, cfg); err != nil {
					return err
				}
			}
			return report.print(o, cfg)
		},
	}
	cmd.Flags().BoolVar(&live, "live", false, "ask AWS too, changing nothing")
	jsonFlag(cmd, o, "a JSON object")
	return cmd
}

// The caches that readers of Secrets Manager use: how long they hand out a value without looking again.
var readerCaches = []struct {
	name  string
	lasts time.Duration
}{
	{"the Lambda extension and the Secrets Manager Agent", 5 * time.Minute},
	{"AWS's caching client libraries", time.Hour},
}

// schedules gives the default schedule and the named ones, in order, as the core understands them.
func schedules(cfg *config.Config) (out []rotation.Schedule) {
	for _, name := range append([]string{""}, slices.Sorted(maps.Keys(cfg.Schedules))...) {
		if s, err := cfg.RotationSchedule(name); err == nil { // Load has compiled them all
			s.Name = name
			out = append(out, s)
		}
	}
	return out
}

// label names a schedule for people.
func label(s rotation.Schedule) string {
	if s.Name == "" {
		return "schedule"
	}
	return "schedules." + s.Name
}

// graceWarnings: a reader whose cache outlives the grace is handed a key that is Inactive.
func graceWarnings(cfg *config.Config) []string {
	out := []string{}
	for _, s := range schedules(cfg) {
		var late []string
		for _, c := range readerCaches {
			if s.Grace() < c.lasts {
				late = append(late, fmt.Sprintf("%s (%s)", c.name, rotation.Duration(c.lasts)))
			}
		}
		if len(late) > 0 {
			out = append(out, fmt.Sprintf("%s: the grace, deactivate_after − rotate_every = %s, is shorter than the default cache of %s: "+
				"such readers must refresh more often than the grace, or fail with a key that is Inactive", label(s),
				rotation.Duration(s.Grace()), strings.Join(late, " and of ")))
		}
	}
	return out
}

func (r *checkReport) print(o *options, cfg *config.Config) error {
	if o.json {
		if err := o.out.value(r); err != nil {
			return err
		}
	} else {
		o.out.check(r, cfg)
	}
	switch n := len(r.Problems); {
	case n == 1:
		return usagef("%s: %s", r.File, r.Problems[0])
	case n > 1:
		return usagef("%s: %d problems must be solved before keyturn can do its work", r.File, n)
	}
	return nil
}

func (p *printer) check(r *checkReport, cfg *config.Config) {
	p.line("%s %s is valid", green.Render("✓"), r.File)
	for _, s := range schedules(cfg) {
		every := rotation.Duration(s.RotateEvery)
		if s.Cron != "" {
			every = fmt.Sprintf("%q %s", s.Cron, s.TimeZone)
		}
		p.line("  %s: rotate every %s, deactivate at %s (grace %s), delete at %s (retention %s)", label(s), every,
			rotation.Duration(s.DeactivateAfter), rotation.Duration(s.Grace()), rotation.Duration(s.DeleteAfter),
			rotation.Duration(s.Retention()))
	}
	for _, w := range cfg.Windows {
		p.line("  window: %s", w)
	}
	for _, f := range cfg.Freezes {
		p.line("  freeze: %s", f)
	}
	if len(cfg.Canary.Users) > 0 {
		p.line("  canary: %s", cfg.Canary)
	}
	if l := r.Live; l != nil {
		p.line("  AWS account %s, as %s", l.Account, l.Identity)
		p.line("  Regions: %s", strings.Join(l.Regions, ", "))
		p.line("  %s selected: %s", users(len(l.Selected)), shortList(l.Selected))
		for _, why := range l.Refused {
			p.line("  %s %s", yellow.Render("left out:"), why)
		}
	}
	for _, text := range r.Warnings {
		p.warn(text)
	}
	for _, text := range r.Problems {
		if len(r.Problems) == 1 {
			break // it is the command's error
		}
		p.note("%s %s", red.Render("problem:"), text)
	}
}

// shortList names the first few.
func shortList(names []string) string {
	const most = 8
	if len(names) > most {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
	}
	return strings.Join(names, ", ")
}
