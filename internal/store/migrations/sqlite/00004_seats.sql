-- Which daemon looks after the users of this database: the others stand by.

-- +goose Up

CREATE TABLE seats (
    name   TEXT   NOT NULL PRIMARY KEY,
    holder TEXT   NOT NULL, -- '' once it was given up
    beat   BIGINT NOT NULL, -- counts the holder's signs of life
    locked BIGINT NOT NULL  -- 1: the holder has the lock on the file beside the database as well, so a free lock means that it died
) WITHOUT ROWID;
