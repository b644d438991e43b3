-- Which credential was given to whom. Many reads are written at once, as one row: a row for each read, with an index by user, would touch
-- a page of its own for each of them.

-- +goose Up

-- Users, callers and routes by number; rows are never changed or removed.
CREATE TABLE names (
    id      INTEGER PRIMARY KEY,
    kind    TEXT NOT NULL, -- user, caller or route
    account TEXT NOT NULL, -- of a user
    name    TEXT NOT NULL,
    UNIQUE (kind, account, name)
);

-- What was committed together. Ids grow, and none is before a read that it holds: microseconds since 1970-01-01T00:00:00Z.
CREATE TABLE batches (
    id    INTEGER PRIMARY KEY,
    reads BLOB NOT NULL -- see encode in accessbatch.go
);
