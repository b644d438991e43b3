-- Times are microseconds since 1970-01-01T00:00:00Z, 0 for none: datetime(at/1000000, 'unixepoch') shows one to a person.

-- +goose Up

-- One row per user: its lease, and what the last run found.
CREATE TABLE users (
    account        TEXT   NOT NULL,
    name           TEXT   NOT NULL,
    holder         TEXT   NOT NULL DEFAULT '', -- the run that holds the lease; '' once it gave it back
    lease_until    BIGINT NOT NULL DEFAULT 0,
    lease_settle   BIGINT NOT NULL DEFAULT 0,  -- microseconds before lease_until in which the holder changes nothing
    first_end      BIGINT NOT NULL DEFAULT 0,  -- a run from before this database has ended by then
    quiet          BIGINT NOT NULL DEFAULT 0,  -- no run can have changed this user since; 0: unknown
    asked          BIGINT NOT NULL DEFAULT 0,  -- an earlier look, asked for since the lease was taken
    recheck        BIGINT NOT NULL DEFAULT 0,
    at             BIGINT NOT NULL DEFAULT 0,  -- end of the last run; 0: none has ended yet
    free_at        BIGINT NOT NULL DEFAULT 0,
    changed        BIGINT NOT NULL DEFAULT 0,
    reason         TEXT   NOT NULL DEFAULT '',
    next_action    TEXT   NOT NULL DEFAULT '',
    next_at        BIGINT NOT NULL DEFAULT 0,
    current_key_id TEXT   NOT NULL DEFAULT '',
    access_keys    TEXT   NOT NULL DEFAULT '', -- JSON array of {"id","status","class","created"}
    last_error     TEXT   NOT NULL DEFAULT '',
    failures       BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (account, name)
) WITHOUT ROWID;

CREATE INDEX users_recheck ON users (account, recheck);

-- What was about to be done, written before it was done. Rows are never changed.
CREATE TABLE events (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    at         BIGINT  NOT NULL,
    account    TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    run        TEXT    NOT NULL,
    action     TEXT    NOT NULL,
    reason     TEXT    NOT NULL,
    key_id     TEXT    NOT NULL,
    version_id TEXT    NOT NULL,
    detail     TEXT    NOT NULL
);

CREATE INDEX events_user ON events (account, name, id);
CREATE INDEX events_run ON events (run);

-- How it ended, one row per event that did. Rows are never changed, so their ids are a place to go on reading from.
CREATE TABLE outcomes (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    event   BIGINT  NOT NULL UNIQUE REFERENCES events (id),
    at      BIGINT  NOT NULL,
    outcome TEXT    NOT NULL,
    key_id  TEXT    NOT NULL,
    detail  TEXT    NOT NULL
);
