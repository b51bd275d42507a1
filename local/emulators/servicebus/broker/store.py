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

from local.emulators.servicebus.broker import message_rows, store_schema
from local.emulators.servicebus.broker.errors import StoreError
from local.emulators.servicebus.broker.journal import Saved
from local.emulators.servicebus.broker.message import Draft, DraftReader, Message
from local.emulators.servicebus.broker.resident_drafts import ResidentDrafts

_SET_CONTENT = "UPDATE message SET content = ? WHERE queue = ? AND sequence = ?"
_DELETE = "DELETE FROM message WHERE queue = ? AND sequence = ?"
_REMEMBER = "INSERT OR REPLACE INTO seen VALUES (?, ?, ?, ?)"
_FORGET = "DELETE FROM seen WHERE queue = ? AND until_ms <= ?"
_LAST = "INSERT OR REPLACE INTO queue VALUES (?, ?)"
_SET_STATE = "INSERT OR REPLACE INTO session VALUES (?, ?, ?, ?)"
_DELETE_STATE = "DELETE FROM session WHERE queue = ? AND session_id = ?"
_SAVE_ENTITY = "INSERT OR REPLACE INTO entity VALUES (?, ?)"
_DELETE_ENTITY = "DELETE FROM entity WHERE path = ?"
_DROP = tuple(
    f"DELETE FROM {table} WHERE {column} = ?"  # noqa: S608 - constants
    for table, column in (
        *(("message", "queue"), ("seen", "queue"), ("session", "queue"), ("queue", "name")),
    )
)
_SELECT_MESSAGES = (
    f"SELECT {message_rows.MESSAGE_COLUMNS} FROM message WHERE queue = ? ORDER BY sequence"  # noqa: S608 - constants
)
_SELECT_DRAFT = f"SELECT {message_rows.DRAFT_COLUMNS} FROM message WHERE queue = ? AND sequence = ?"  # noqa: S608 - constants

#: Free pages (4 KB) that are given back to the file system at a time, and the fewest.
_SHRINK_PAGES, _SHRINK_FROM_PAGES = 1_000, 250

type _Change = tuple[str, tuple[Any, ...]]


class Store:
    """A Journal in a file. Raises StoreError if another process has it open."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._changes: list[_Change] = []
        self._written: dict[tuple[str, int], Message] = {}
        self._last: dict[str, int] = {}
        self._resident = ResidentDrafts()
        self._readers: dict[str, DraftReader] = {}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(path, isolation_level=None, timeout=1)
            with ExitStack() as on_failure:
                on_failure.callback(self._connection.close)
                store_schema.prepare(self._connection)
                on_failure.pop_all()
        except (sqlite3.Error, OSError) as error:
            raise StoreError(
                f"The database {path} cannot be used: {error}. It must be an emulator's database, "
                "and no other emulator may have it open."
            ) from error

    def __repr__(self) -> str:
        return f"<Store {self._path}: {len(self._changes)} changes to commit>"

    def load(self, queue: str) -> Saved:
        execute, reader = self._connection.execute, self._reader(queue)
        last = execute("SELECT last_sequence FROM queue WHERE name = ?", (queue,)).fetchone()
        rows = execute(_SELECT_MESSAGES, (queue,))
        seen = execute(
            "SELECT message_id, sequence, until_ms FROM seen WHERE queue = ? ORDER BY until_ms",
            (queue,),
        )
        sessions = execute(
            "SELECT session_id, state, set_ms FROM session WHERE queue = ?", (queue,)
        )
        messages = (message_rows.read_message(row, reader) for row in rows)
        return Saved(last[0] if last else 0, messages, seen, sessions)

    def use_sequence(self, queue: str, sequence: int) -> None:
        self._last[queue] = sequence

    def insert(self, queue: str, message: Message) -> None:
        self._last[queue] = message.sequence
        self._changes.append((message_rows.INSERT, message_rows.inserted(queue, message)))
        self._written[queue, message.sequence] = message

    def update(self, queue: str, message: Message) -> None:
        self._changes.append((message_rows.UPDATE, message_rows.updated(queue, message)))

    def update_content(self, queue: str, message: Message) -> None:
        self._changes.append((_SET_CONTENT, (message.draft.content, queue, message.sequence)))
        self._written[queue, message.sequence] = message

    def delete(self, queue: str, message: Message) -> None:
        self._changes.append((_DELETE, (queue, message.sequence)))
        self._written.pop((queue, message.sequence), None)
        self._resident.removed(queue, message)

    def remember(self, queue: str, message_id: str, sequence: int, until_ms: int) -> None:
        self._changes.append((_REMEMBER, (queue, message_id, sequence, until_ms)))

    def forget(self, queue: str, now_ms: int) -> None:
        self._changes.append((_FORGET, (queue, now_ms)))

    def set_session_state(
        self, queue: str, session_id: str, state: bytes | None, now_ms: int
    ) -> None:
        if state is None:
            self._changes.append((_DELETE_STATE, (queue, session_id)))
        else:
            self._changes.append((_SET_STATE, (queue, session_id, state, now_ms)))

    def drop(self, queue: str) -> None:
        self._last.pop(queue, None)
        self._changes += [(statement, (queue,)) for statement in _DROP]

    def entities(self) -> list[tuple[str, str]]:
        """The saved entities: path and description."""
        return self._connection.execute("SELECT path, description FROM entity").fetchall()

    def save_entity(self, path: str, description: str | None) -> None:
        """None deletes it."""
        if description is None:
            self._changes.append((_DELETE_ENTITY, (path,)))
        else:
            self._changes.append((_SAVE_ENTITY, (path, description)))

    def commit(self) -> None:
        """Raises StoreError. After that, uncommitted changes must not be acknowledged."""
        if not (self._changes or self._last):
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
        written, self._written = self._written, {}
        for (queue, _), message in written.items():
            self._resident.written(queue, message, self._reader(queue))

    def shrink(self) -> bool:
        """Give free pages back to the file system, some at a time.

        Returns whether more are left. Raises StoreError.
        """
        try:
            (free,) = self._connection.execute("PRAGMA freelist_count").fetchone()
            if free >= _SHRINK_FROM_PAGES:
                self._connection.execute(f"PRAGMA incremental_vacuum({_SHRINK_PAGES})").fetchall()
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        except sqlite3.Error as error:
            raise StoreError(f"The database {self._path} cannot be written: {error}.") from error
        return bool(free >= _SHRINK_PAGES + _SHRINK_FROM_PAGES)

    def close(self) -> None:
        self._connection.close()

    def _reader(self, queue: str) -> DraftReader:
        if queue not in self._readers:
            self._readers[queue] = lambda message: self._read_draft(queue, message.sequence)
        return self._readers[queue]

    def _read_draft(self, queue: str, sequence: int) -> Draft:
        row = self._connection.execute(_SELECT_DRAFT, (queue, sequence)).fetchone()
        return message_rows.read_draft(row)
