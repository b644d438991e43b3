package main

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/keyturn/keyturn/internal/config"
	"github.com/keyturn/keyturn/internal/store"
)

func newDB(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "db",
		Short: "Back up the database, or check it",
		Long: "The database holds history, leases and recheck times; AWS holds the state of every key. Losing it loses history, and makes " +
			"the next look at every user twice as careful.",
		Args: noSubcommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newDBBackup(o), newDBCheck(o))
	return cmd
}

// backupReport is `db backup --json`.
type backupReport struct {
	Database string `json:"database"`
	Backup   string `json:"backup"`
	Size     int64  `json:"size"` // bytes
	// Accesses is the copy of the access records, and its size; null when there are none.
	Accesses     *string `json:"accesses"`
	AccessesSize int64   `json:"accesses_size"`
}

func newDBBackup(o *options) *cobra.Command {
	force := false
	cmd := &cobra.Command{
		Use:   "backup FILE",
		Short: "Copy the database to a file, while keyturn runs",
		Long: "Copies the database as it is at one moment. Others may use it meanwhile. The copy is checked, readable by its owner only, and " +
			"appears whole or not at all. The records of who read which credential, in a file beside it, " +
			"are copied to one beside the copy. It holds no secret.",
		Example: "keyturn db backup /backup/keyturn-$(date +%F).db\nkeyturn db backup --force /backup/keyturn.db",
		Args:    oneFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := config.Load(o.config)
			if err != nil {
				return err
			}
			report := backupReport{Database: cfg.DatabasePath(), Backup: args[0]}
			o.out.step("copying…")
			if report.Size, err = store.Backup(cmd.Context(), report.Database, report.Backup, force); err != nil {
				return err
			}
			accesses, size, err := store.BackupAccesses(cmd.Context(), report.Database, report.Backup, force)
			if err != nil {
				return err
			}
			if accesses != "" {
				report.Accesses, report.AccessesSize = &accesses, size
			}
			if o.json {
				return o.out.value(report)
			}
			o.out.line("%s %s is backed up to %s, %s", green.Render("✓"), report.Database, report.Backup, fileSize(report.Size))
			if accesses != "" {
				o.out.line("%s %s is backed up to %s, %s", green.Render("✓"), store.AccessPath(report.Database), accesses, fileSize(size))
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "replace the file if it exists")
	jsonFlag(cmd, o, "a JSON object")
	return cmd
}

// oneFile is for commands that take a file's name and flags.
func oneFile(cmd *cobra.Command, args []string) error {
	switch {
	case len(args) == 0:
		return usagef("`%s` needs the name of a file; see `%s --help`", cmd.CommandPath(), cmd.CommandPath())
	case len(args) > 1:
		return usagef("`%s` takes one file, but %d were given; see `%s --help`", cmd.CommandPath(), len(args), cmd.CommandPath())
	case args[0] == "" || filepath.Base(args[0]) == ".":
		return usagef("`%s`: %q is no name of a file", cmd.CommandPath(), args[0])
	}
	return nil
}

// healthReport is `db check --json`.
type healthReport struct {
	Database string   `json:"database"`
	Sound    bool     `json:"sound"`
	Problems []string `json:"problems"`
	Schema   int64    `json:"schema"`
	Size     int64    `json:"size"`     // bytes
	LogSize  int64    `json:"log_size"` // bytes of the write-ahead log
	Users    int64    `json:"users"`
	Events   int64    `json:"events"`
	Open     int64    `json:"open"` // events without an outcome
	Oldest   *string  `json:"oldest"`
	Newest   *string  `json:"newest"`
	// Accesses is the file of access records; null: there is none.
	Accesses *accessReport `json:"accesses"`
}

func newDBCheck(o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Read the whole database and look for damage, while keyturn runs",
		Long: "Reads all of the database and changes nothing. Says whether it is sound, how large it is, what is in it, and from when the " +
			"oldest history is. Others may use it meanwhile.",
		Example: "keyturn db check\nkeyturn db check --json | jq .oldest",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := config.Load(o.config)
			if err != nil {
				return err
			}
			o.out.step("reading all of it…")
			h, err := store.Examine(cmd.Context(), cfg.DatabasePath())
			if err != nil && !errors.Is(err, store.ErrCorrupt) {
				return err
			}
			accesses, err2 := store.ExamineAccesses(cmd.Context(), cfg.DatabasePath())
			none := errors.Is(err2, store.ErrMissing)
			switch {
			case none:
				err2 = nil
			case err2 != nil && !errors.Is(err2, store.ErrCorrupt):
				return err2
			}
			return cmp.Or(o.out.health(o, h, accesses, !none), err, err2)
		},
	}
	jsonFlag(cmd, o, "a JSON object")
	return cmd
}

// accessReport is the part of `db check --json` for the access records.
type accessReport struct {
	Database string   `json:"database"`
	Sound    bool     `json:"sound"`
	Problems []string `json:"problems"`
	Schema   int64    `json:"schema"`
	Size     int64    `json:"size"`
	LogSize  int64    `json:"log_size"`
	Users    int64    `json:"users"` // whose credentials were read
	Accesses int64    `json:"accesses"`
	Oldest   *string  `json:"oldest"`
	Newest   *string  `json:"newest"`
}

func (p *printer) health(o *options, h, a store.Health, accesses bool) error {
	if o.json {
		report := healthReport{Database: h.Path, Sound: len(h.Problems) == 0, Problems: append([]string{}, h.Problems...),
			Schema: h.Schema, Size: h.Size, LogSize: h.Log, Users: h.Users, Events: h.Events, Open: h.Open, Oldest: stamp(h.Oldest),
			Newest: stamp(h.Newest)}
		if accesses {
			report.Accesses = &accessReport{Database: a.Path, Sound: len(a.Problems) == 0, Problems: append([]string{}, a.Problems...),
				Schema: a.Schema, Size: a.Size, LogSize: a.Log, Users: a.Users, Accesses: a.Accesses, Oldest: stamp(a.Oldest), Newest: stamp(a.Newest)}
		}
		return p.value(report)
	}
	p.soundness(h)
	p.line("  users:   %d", h.Users)
	p.line("  events:  %d, %d of them without an outcome", h.Events, h.Open)
	if !h.Oldest.IsZero() {
		p.line("  history: from %s to %s", p.at(h.Oldest), p.at(h.Newest))
	}
	if !accesses {
		return nil
	}
	p.soundness(a)
	p.line("  reads:   %d, of the credentials of %d users", a.Accesses, a.Users)
	if !a.Oldest.IsZero() {
		p.line("  history: from %s to %s", p.at(a.Oldest), p.at(a.Newest))
	}
	return nil
}

// soundness says what holds for every kind of file.
func (p *printer) soundness(h store.Health) {
	if len(h.Problems) == 0 {
		p.line("%s %s is sound", green.Render("✓"), h.Path)
	} else {
		p.line("%s %s is damaged", red.Render("✗"), h.Path)
		for _, text := range h.Problems {
			p.line("  %s", text)
		}
	}
	older := ""
	if h.Schema < h.Known {
		older = fmt.Sprintf("; `keyturn run` makes it %d", h.Known)
	}
	p.line("  size:    %s, and %s of write-ahead log", fileSize(h.Size), fileSize(h.Log))
	p.line("  schema:  %d%s", h.Schema, older)
}

// fileSize is a size for people.
func fileSize(n int64) string {
	switch {
	case n >= 10<<20:
		return fmt.Sprintf("%d MB", n>>20)
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%d kB", (n+1023)>>10)
}
