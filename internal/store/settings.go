package store

import (
	"context"
	"database/sql"
)

const (
	settingSQL    = `SELECT value FROM settings WHERE name = $1`
	setSettingSQL = `
INSERT INTO settings (name, value) VALUES ($1, $2)
ON CONFLICT (name) DO UPDATE SET value = excluded.value`
)

// Setting gives what was last kept under a name; "" when nothing was, or when the database was made anew since. Whoever relies on
// it must be safe without: the database may be lost at any moment.
func (s *Store) Setting(ctx context.Context, name string) (value string, err error) {
	err = s.query(ctx, func(r *sql.Rows) error { return r.Scan(&value) }, settingSQL, text(name))
	return value, s.fail("reading the setting "+name, err)
}

// SetSetting keeps a value under a name, in place of the one before. It is no place for a secret.
func (s *Store) SetSetting(ctx context.Context, name, value string) error {
	_, err := s.exec(ctx, setSettingSQL, text(name), text(value))
	return s.fail("keeping the setting "+name, err)
}
