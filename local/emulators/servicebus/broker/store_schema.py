"""The tables of the store's file, and their migration from older versions."""

from __future__ import annotations

import sqlite3

#: The file's `user_version`. A file with a higher version is another program's or release's.
VERSION = 2

_TABLES = """
CREATE TABLE queue (
    name TEXT PRIMARY KEY,
    last_sequence INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE message (
    queue TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    state INTEGER NOT NULL,
    delivery_count INTEGER NOT NULL,
    dead INTEGER NOT NULL,
    reason TEXT,
    description TEXT,
    enqueued_ms INTEGER NOT NULL,
    expires_ms INTEGER,
    scheduled_ms INTEGER,
    ttl_ms INTEGER,
    message_id TEXT NOT NULL,
    durable INTEGER NOT NULL,
    priority INTEGER NOT NULL,
    annotations BLOB NOT NULL,
    content BLOB NOT NULL,
    PRIMARY KEY (queue, sequence)
) STRICT;
CREATE TABLE seen (
    queue TEXT NOT NULL,
    message_id TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    until_ms INTEGER NOT NULL,
    PRIMARY KEY (queue, message_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX seen_until ON seen (queue, until_ms);
"""

#: `entity` has the entities that were made at run time, as JSON.
_SINCE_VERSION_2 = """
ALTER TABLE message ADD COLUMN session_id TEXT;
ALTER TABLE message ADD COLUMN enqueued_sequence INTEGER;
ALTER TABLE message ADD COLUMN dead_letter_source TEXT;
CREATE TABLE session (
    queue TEXT NOT NULL,
    session_id TEXT NOT NULL,
    state BLOB NOT NULL,
    set_ms INTEGER NOT NULL,
    PRIMARY KEY (queue, session_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE entity (
    path TEXT PRIMARY KEY,
    description TEXT NOT NULL
) STRICT, WITHOUT ROWID;
"""


def prepare(connection: sqlite3.Connection) -> None:
    """Create or migrate the tables. Raises sqlite3.Error."""
    # Exclusive: no shared memory is needed, and a second process fails at once.
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    # Has an effect in a new file only.
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("BEGIN EXCLUSIVE")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > VERSION:
        raise sqlite3.DatabaseError(f"it has version {version}, expected at most {VERSION}")
    for since, statements in ((1, _TABLES), (2, _SINCE_VERSION_2)):
        if version < since:
            for statement in statements.split(";")[:-1]:
                connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute("COMMIT")
