-- What a program remembers beside its users, such as the version that its canary users have seen: one row per name.

-- +goose Up

CREATE TABLE settings (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;
