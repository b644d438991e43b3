package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
)

// schema is what a file of one kind holds: the mark that it bears, and the steps that made its tables, in order of the number that their
// names begin with. They only go forward.
type schema struct {
	mark  int64
	steps fs.FS
}

//go:embed migrations
var embedded embed.FS

var (
	migrations       = folder("migrations/sqlite")
	accessMigrations = folder("migrations/access")
)

func folder(name string) fs.FS {
	sub, err := fs.Sub(embedded, name)
	if err != nil {
		panic(err) // the folder is compiled in
	}
	return sub
}

const versionTable = "goose_db_version"

// fit brings the database to the schema of fsys, or refuses it. Before it is known to be keyturn's and not newer, nothing is
// written.
func (f *file) fit(ctx context.Context, o Options, fsys fs.FS) error {
	names, latest, err := steps(fsys)
	if err != nil {
		return err
	}
	found, err := f.version(ctx, f.write)
	if err != nil {
		return err
	}
	if found > latest {
		return newer(f.path, found, latest)
	}
	if o.Path != Memory {
		if err := f.useWAL(ctx, o.BusyTimeout); err != nil {
			return err
		}
	}
	if found == 0 {
		if err := f.create(ctx, fsys, names); err != nil {
			return err
		}
	}
	return f.migrate(ctx, fsys, latest)
}

// querier is a pool or a transaction.
type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// version is the number of the database's schema, 0 for an empty file.
func (f *file) version(ctx context.Context, q querier) (v int64, err error) {
	var app, tables int64
	err = q.QueryRowContext(ctx, "SELECT (SELECT application_id FROM pragma_application_id), (SELECT count(*) FROM sqlite_master)").
		Scan(&app, &tables)
	switch {
	case err != nil:
		return 0, f.fail("reading the schema", err)
	case tables == 0:
		return 0, nil
	case app != f.mark:
		return 0, &FileError{Path: f.path, Kind: ErrNotOurs, Cause: errors.New("it is another program's SQLite file")}
	}
	err = q.QueryRowContext(ctx, "SELECT max(version_id) FROM "+versionTable).Scan(&v)
	return v, f.fail("reading the schema", err)
}

// create makes the whole schema in one transaction, faster than step by step. A crash here leaves an empty file; another process
// that makes the same file waits, and finds it made.
func (f *file) create(ctx context.Context, fsys fs.FS, names []string) error {
	const doing = "making the schema"
	tx, err := f.write.BeginTx(ctx, nil)
	if err != nil {
		return f.fail(doing, err)
	}
	defer func() { _ = tx.Rollback() }() // nothing to do after Commit
	if v, err := f.version(ctx, tx); err != nil || v > 0 {
		return err
	}
	versions, err := database.NewStore(goose.DialectSQLite3, versionTable)
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	if err := versions.CreateVersionTable(ctx, tx); err != nil {
		return f.fail(doing, err)
	}
	if err := versions.Insert(ctx, tx, database.InsertRequest{Version: 0}); err != nil {
		return f.fail(doing, err)
	}
	for _, name := range names {
		text, err := fs.ReadFile(fsys, name)
		if err != nil {
			return fmt.Errorf("%s: %w", doing, err)
		}
		number, _ := number(name) // steps has read it
		if _, err := tx.ExecContext(ctx, string(text)); err != nil {
			return f.fail(doing, err)
		}
		if err := versions.Insert(ctx, tx, database.InsertRequest{Version: number}); err != nil {
			return f.fail(doing, err)
		}
	}
	if _, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA application_id = %d", f.mark)); err != nil {
		return f.fail(doing, err)
	}
	return f.fail(doing, tx.Commit())
}

// migrate takes the steps that are missing, each in its own transaction. When another process takes one first, ours fails
// without effect, and we go on from there.
func (f *file) migrate(ctx context.Context, fsys fs.FS, latest int64) error {
	for before := int64(-1); ; {
		now, err := f.version(ctx, f.write)
		if err != nil || now >= latest {
			return err
		}
		p, err := goose.NewProvider(goose.DialectSQLite3, f.write, fsys, goose.WithDisableGlobalRegistry(true))
		if err != nil {
			return fmt.Errorf("updating the schema: %w", err)
		}
		if _, err := p.Up(ctx); err != nil && now == before {
			return f.fail("updating the schema from "+strconv.FormatInt(now, 10), err)
		}
		before = now
	}
}

// steps lists the files of the migrations in order, and the number of the last one.
func steps(fsys fs.FS) (names []string, latest int64, err error) {
	if names, err = fs.Glob(fsys, "*.sql"); err != nil { // sorted, and numbers have leading zeros
		return nil, 0, err
	}
	for _, name := range names {
		n, err := number(name)
		if err != nil || n <= latest {
			return nil, 0, fmt.Errorf("the migration %s does not begin with a number above %d", name, latest)
		}
		latest = n
	}
	return names, latest, nil
}

func number(name string) (int64, error) {
	digits, _, _ := strings.Cut(path.Base(name), "_")
	return strconv.ParseInt(digits, 10, 64)
}
