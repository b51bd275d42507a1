"""Accounts of inputs: which were accepted, what each must come to, and what came of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.faults.outcome import Outcome

#: The model asks whether the sum passes 1.5; nearer to it than this it may see it otherwise.
MARGIN = 0.15


@dataclass(frozen=True)
class Input:
    """One input of a caller's, and what it must come to."""

    name: str
    expected: list[int]
    #: Whether its sender was told that it is accepted. Otherwise it may end in a document or not.
    accepted: bool
    #: When its sender was told so: seconds since 1970, as documents tell theirs.
    at: float


class Rows:
    """Rows of three numbers that nobody sent before, with what the small model says of them."""

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        self._lock = threading.Lock()

    def take(self, count: int = 1) -> tuple[list[list[float]], list[int]]:
        rows: list[list[float]] = []
        with self._lock:
            while len(rows) < count:
                row = self._random.random(3).round(9)
                if abs(row.sum() - 1.5) > MARGIN:
                    rows.append(row.tolist())
        return rows, [int(sum(row) > 1.5) for row in rows]


class Ledger:
    """Inputs by name. Senders in several threads write into it."""

    def __init__(self) -> None:
        self._inputs: dict[str, Input] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._inputs)

    def enter(self, name: str, expected: list[int], *, accepted: bool) -> None:
        with self._lock:
            self._inputs[name] = Input(name, expected, accepted, time.time())

    @property
    def inputs(self) -> list[Input]:
        with self._lock:
            return list(self._inputs.values())

    @property
    def accepted(self) -> list[Input]:
        return [each for each in self.inputs if each.accepted]

    def missing(self, found: Mapping[str, list[dict[str, Any]]]) -> list[str]:
        """Accepted inputs without a document."""
        return [each.name for each in self.accepted if each.name not in found]

    def settle(
        self,
        found: Mapping[str, list[dict[str, Any]]],
        outcome: Outcome,
        *,
        forgiven: Iterable[str] = (),
    ) -> None:
        """Compare with the documents that came, by input.

        `forgiven`: inputs that the storage emulator may have forgotten or told twice.
        """
        pardon = set(forgiven)
        for each in self._inputs.values():
            documents = found.get(each.name, [])
            if not documents and each.accepted and each.name not in pardon:
                outcome.lose(f"{each.name} was accepted and has no document")
            if len(documents) > 1 and each.name not in pardon:
                ended = ", ".join(f"{one['status']} {one['finished_at']}" for one in documents)
                outcome.fault(f"{each.name}: {ended}", "told twice")
            for document in documents:
                check(each, document, outcome)
        for name in found.keys() - self._inputs.keys():
            if not all(_is_of_a_blob(each, self._inputs) for each in found[name]):
                outcome.fault(f"{name!r}, which nobody sent: {found[name][0]}", "unasked")


def _is_of_a_blob(document: Mapping[str, Any], inputs: Mapping[str, Input]) -> bool:
    """Whether it tells of a version that an upload made and made anew, its answer being lost."""
    result: Any = document.get("result") or {}
    return document["source"] == "blob" and str(result.get("output")).split("/")[-1] in inputs


def check(each: Input, document: Mapping[str, Any], outcome: Outcome) -> None:
    """Whether a document says what the model says of its input."""
    result: Any = document.get("result")
    if document["status"] != "succeeded":
        outcome.fault(f"{each.name} failed: {document['error']}", "failed without need")
    elif document["source"] == "blob":
        if (result["rows"], result["failed"]) != (len(each.expected), 0):
            outcome.fault(f"{each.name}: {result}", "wrong report")
    elif result != each.expected:
        outcome.fault(f"{each.name}: expected {each.expected}, got {result}", "wrong prediction")
