package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/keyturn/keyturn/internal/awscloud"
	"github.com/keyturn/keyturn/internal/config"
	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/scan"
)

// scanOptions are the flags of `keyturn scan`.
type scanOptions struct {
	csv     bool
	all     bool
	regions []string
}

func newScan(o *options) *cobra.Command {
	var s scanOptions
	cmd := &cobra.Command{
		Use:   "scan [USER…]",
		Short: "Take stock of all access keys of the account; change nothing",
		Long: "Reads every IAM user of the account, its keys and their last use, and says what needs attention: what fails the " +
			scan.Benchmark + " or AWS Security Hub, what keyturn must leave alone, and where a role would do better than a key. Users " +
			"without a finding are left out.\n\nNeeds no configuration: with one it says who is under care, and who is overdue. Exit code " +
			"0 when everything could be read, 3 when parts are missing.",
		Example: "keyturn scan\nkeyturn scan --all --csv > keys.csv\nkeyturn scan --json | jq '.summary[] | select(.users > 0)'",
		RunE: func(cmd *cobra.Command, names []string) error {
			if s.csv && o.json {
				return usagef("--csv and --json exclude each other: choose one")
			}
			cfg, err := scanConfig(cmd, o)
			if err != nil {
				return err
			}
			inv, err := s.read(cmd.Context(), o, cfg, names)
			if err != nil {
				return err
			}
			return s.show(o, scan.Evaluate(inv), len(names) > 0)
		},
	}
	cmd.Flags().BoolVarP(&s.all, "all", "a", false, "show users without findings, too")
	cmd.Flags().BoolVar(&s.csv, "csv", false, "a CSV file, one line for each key")
	cmd.Flags().StringSliceVar(&s.regions, "regions", nil, "Regions to look for CloudFormation stacks in (default: those of the configuration)")
	jsonFlag(cmd, o, "a JSON object")
	return cmd
}

// scanConfig is the configuration; nil when there is none and none was asked for.
func scanConfig(cmd *cobra.Command, o *options) (*config.Config, error) {
	if _, err := os.Stat(o.config); errors.Is(err, os.ErrNotExist) && !cmd.Flags().Changed("config") {
		return nil, nil
	}
	return config.Load(o.config)
}

func (s *scanOptions) read(ctx context.Context, o *options, cfg *config.Config, names []string) (scan.Inventory, error) {
	in := awscloud.InventoryOptions{Regions: s.regions, Step: func(text string) { o.out.step("%s", text) }}
	if cfg == nil {
		cfg = config.Default()
	} else {
		in.Care = func(users []awscloud.User) map[string]scan.Care { return careOf(cfg, users) }
	}
	c := fleet.AWS(cfg)
	c.Pace.Stacks = awscloud.DefaultPace().Stacks
	account, err := awscloud.Load(ctx, c)
	if err != nil {
		return scan.Inventory{}, usagef("%v", err)
	}
	for _, name := range names {
		if i := strings.LastIndexByte(name, '/'); i >= 0 {
			name = name[i+1:] // ACCOUNT/NAME, as other commands show it
		}
		in.Only = append(in.Only, name)
	}
	inv, err := account.Inventory(ctx, in)
	if err != nil {
		return inv, err
	}
	for _, name := range in.Only {
		if !slices.ContainsFunc(inv.Users, func(u scan.User) bool { return u.Name == name }) {
			return inv, usagef("there is no IAM user %q in the account %s", name, inv.Account)
		}
	}
	return inv, nil
}

// careOf is what the configuration makes of each user.
func careOf(cfg *config.Config, users []awscloud.User) map[string]scan.Care {
	all := make([]config.Candidate, len(users))
	for i, u := range users {
		all[i] = config.Candidate{Name: u.Name, Path: u.Path, UserID: u.ID, Tags: u.Tags, Admin: u.Admin, AdminWhy: u.AdminWhy}
	}
	out := make(map[string]scan.Care, len(users))
	for _, u := range users {
		out[u.Name] = scan.Care{State: scan.NotInCare}
	}
	sel := config.Select(cfg, all)
	for _, u := range sel.Users {
		out[u.Name] = scan.Care{State: scan.InCare, Schedule: u.Schedule}
	}
	for _, u := range sel.Refused {
		out[u.Name] = scan.Care{State: scan.Refused, Why: u.Why}
	}
	return out
}

// show prints a result. Users that were named are shown, whatever there is to say of them.
func (s *scanOptions) show(o *options, r scan.Result, named bool) error {
	rows := slices.Clone(r.Rows)
	if !s.all && !named {
		rows = slices.DeleteFunc(rows, func(row scan.Row) bool { return row.Clean() })
	}
	var err error
	switch {
	case o.json:
		err = o.out.value(scanJSON(r, rows))
	case s.csv:
		err = o.out.scanCSV(r, rows)
	case o.out.tty:
		o.out.scanTable(r, rows)
	default:
		o.out.scanLines(r, rows)
	}
	if err != nil {
		return err
	}
	for _, g := range r.Gaps {
		o.out.note("%s %s", yellow.Render("missing:"), oneLine(g.Text))
	}
	if n := len(r.Gaps); n > 0 {
		return &errUsers{fmt.Sprintf("the scan is not whole: %s missing", counted(n, "part is", "parts are"))}
	}
	return nil
}

// counted is a number with the right word.
func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
