"""Stores queues in one SQLite file.

`commit` writes the collected changes in one transaction. The server calls it before it sends any
acknowledgement, so acknowledged changes survive `kill -9`. Write-ahead logging with
`synchronous=NORMAL` does not wait for the disk at each commit: a power cut may lose the last
commits, but leaves the file intact. `commit` blocks the event loop on purpose: before it returns
there is nothing that the server may send.
"""

from __future__ import annotations

import sqlite3
from contextlib import ExitStack
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from local.emulators.servicebus.broker.errors import StoreError
from local.emulators.servicebus.broker.journal import Saved
from local.emulators.servicebus.broker.message import DeadLetter, Draft, Message, State

#: The file's `user_version`. A file with another version is another program's or release's.
VERSION = 1

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

_INSERT = f"INSERT INTO message VALUES ({', '.join('?' * 16)})"  # noqa: S608 - placeholders only
_UPDATE = """
UPDATE message SET state = ?, delivery_count = ?, dead = ?, reason = ?, description = ?,
    enqueued_ms = ?, expires_ms = ?, content = ?
WHERE queue = ? AND sequence = ?
"""
_DELETE = "DELETE FROM message WHERE queue = ? AND sequence = ?"
_REMEMBER = "INSERT OR REPLACE INTO seen VALUES (?, ?, ?, ?)"
_FORGET = "DELETE FROM seen WHERE queue = ? AND until_ms <= ?"
_LAST = "INSERT OR REPLACE INTO queue VALUES (?, ?)"

type _Change = tuple[str, tuple[Any, ...]]


class Store:
    """A Journal in a file. Raises StoreError if another process has it open."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._changes: list[_Change] = []
        self._last: dict[str, int] = {}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(path, isolation_level=None, timeout=1)
            with ExitStack() as on_failure:
                on_failure.callback(self._connection.close)
                self._prepare()
                on_failure.pop_all()
        except (sqlite3.Error, OSError) as error:
            raise StoreError(
                f"The database {path} cannot be used: {error}. It must be an emulator's database, "
                "and no other emulator may have it open."
            ) from error

    def __repr__(self) -> str:
        return f"<Store {self._path}: {len(self._changes)} changes to commit>"

    def _prepare(self) -> None:
        connection = self._connection
        # Exclusive: no shared memory is needed, and a second process fails at once.
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("BEGIN EXCLUSIVE")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version == 0:
            for statement in _TABLES.split(";")[:-1]:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
        if version not in {0, VERSION}:
            raise sqlite3.DatabaseError(f"it has version {version}, expected {VERSION}")

    def load(self, queue: str) -> Saved:
        execute = self._connection.execute
        last = execute("SELECT last_sequence FROM queue WHERE name = ?", (queue,)).fetchone()
        messages = execute("SELECT * FROM message WHERE queue = ? ORDER BY sequence", (queue,))
        seen = execute(
            "SELECT message_id, sequence, until_ms FROM seen WHERE queue = ? ORDER BY until_ms",
            (queue,),
        )
        return Saved(last[0] if last else 0, map(_message, messages), seen)

    def insert(self, queue: str, message: Message) -> None:
        self._last[queue] = message.sequence
        self._changes.append((_INSERT, _row(queue, message)))

    def update(self, queue: str, message: Message) -> None:
        dead = message.dead or DeadLetter()
        row = (
            *(message.state, message.delivery_count),
            *(message.dead is not None, dead.reason, dead.description),
            *(message.enqueued_ms, message.expires_ms, message.draft.content),
            *(queue, message.sequence),
        )
        self._changes.append((_UPDATE, row))

    def delete(self, queue: str, sequence: int) -> None:
        self._changes.append((_DELETE, (queue, sequence)))

    def remember(self, queue: str, message_id: str, sequence: int, until_ms: int) -> None:
        self._changes.append((_REMEMBER, (queue, message_id, sequence, until_ms)))

    def forget(self, queue: str, now_ms: int) -> None:
        self._changes.append((_FORGET, (queue, now_ms)))

    def commit(self) -> None:
        """Raises StoreError. After that, uncommitted changes must not be acknowledged."""
        if not self._changes:
            return
        changes, self._changes = self._changes, []
        last, self._last = self._last, {}
        try:
            self._connection.execute("BEGIN")
            for statement, group in groupby(changes, key=itemgetter(0)):
                self._connection.executemany(statement, (row for _, row in group))
            self._connection.executemany(_LAST, last.items())
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise StoreError(f"The database {self._path} cannot be written: {error}.") from error

    def close(self) -> None:
        self._connection.close()


def _row(queue: str, message: Message) -> tuple[Any, ...]:
    draft, dead = message.draft, message.dead or DeadLetter()
    return (
        *(queue, message.sequence, message.state, message.delivery_count),
        *(message.dead is not None, dead.reason, dead.description),
        *(message.enqueued_ms, message.expires_ms, draft.scheduled_ms, draft.ttl_ms),
        *(draft.message_id, draft.durable, draft.priority, draft.annotations, draft.content),
    )


def _message(row: tuple[Any, ...]) -> Message:
    _, sequence, state, delivery_count, dead, reason, description, *rest = row
    enqueued_ms, expires_ms, scheduled_ms, ttl_ms, *rest = rest
    message_id, durable, priority, annotations, content = rest
    return Message(
        sequence=sequence,
        draft=Draft(
            message_id=message_id,
            content=content,
            annotations=annotations,
            durable=bool(durable),
            priority=priority,
            ttl_ms=ttl_ms,
            scheduled_ms=scheduled_ms,
        ),
        enqueued_ms=enqueued_ms,
        expires_ms=expires_ms,
        state=State(state),
        delivery_count=delivery_count,
        dead=DeadLetter(reason, description) if dead else None,
    )
