-- What the API remembers: when each of its keys was last used, and the answers to requests that may be sent twice.

-- +goose Up

CREATE TABLE key_uses (
    caller TEXT   NOT NULL PRIMARY KEY,
    at     BIGINT NOT NULL, -- to the minute, or so
    source TEXT   NOT NULL  -- the address that it came from
) WITHOUT ROWID;

-- One row per Idempotency-Key.
CREATE TABLE replays (
    caller TEXT   NOT NULL,
    name   TEXT   NOT NULL, -- the key
    route  TEXT   NOT NULL,
    hash   BLOB   NOT NULL, -- of the body of the request
    at     BIGINT NOT NULL, -- when the request began
    status BIGINT NOT NULL DEFAULT 0, -- 0: the answer is not known yet
    header TEXT   NOT NULL DEFAULT '', -- JSON
    body   BLOB   NOT NULL DEFAULT '', -- without secrets
    PRIMARY KEY (caller, name)
) WITHOUT ROWID;

CREATE INDEX replays_at ON replays (at);
