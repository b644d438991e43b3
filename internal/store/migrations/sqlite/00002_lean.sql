-- A step writes two pages less: ids of events and outcomes grow without a counter of their own (the newest row is never removed, so none
-- comes twice), and a run's events are found among those of its user.

-- +goose Up

CREATE TABLE events_lean (
    id         INTEGER PRIMARY KEY,
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

CREATE TABLE outcomes_lean (
    id      INTEGER PRIMARY KEY,
    event   BIGINT  NOT NULL UNIQUE REFERENCES events_lean (id),
    at      BIGINT  NOT NULL,
    outcome TEXT    NOT NULL,
    key_id  TEXT    NOT NULL,
    detail  TEXT    NOT NULL
);

INSERT INTO events_lean SELECT id, at, account, name, run, action, reason, key_id, version_id, detail FROM events;
INSERT INTO outcomes_lean SELECT id, event, at, outcome, key_id, detail FROM outcomes;
DROP TABLE outcomes;
DROP TABLE events;
ALTER TABLE events_lean RENAME TO events;
ALTER TABLE outcomes_lean RENAME TO outcomes;
CREATE INDEX events_user ON events (account, name, id);
