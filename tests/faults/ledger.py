"""The inputs that were sent, which of them were accepted, and what each must end in."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.faults.outcome import Outcome

#: The small model predicts whether a row's sum exceeds 1.5. Rows nearer to 1.5 than this are not
#: used: the model may predict them differently.
MARGIN = 0.15


@dataclass(frozen=True)
class Input:
    """One input that was sent, and its right predictions."""

    name: str
    expected: list[int]
    #: Whether its sender got a confirmation. Without one it may end in a document or not.
    accepted: bool
    #: When its sender got the confirmation: seconds since 1970.
    at: float


class Rows:
    """Rows of three numbers that were not sent before, with the small model's predictions."""

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

        `forgiven`: inputs that the storage emulator may have lost or reported twice.
        """
        pardon = set(forgiven)
        for each in self._inputs.values():
            documents = found.get(each.name, [])
            if not documents and each.accepted and each.name not in pardon:
                outcome.lose(f"{each.name} was accepted and has no document")
            if len(documents) > 1 and each.name not in pardon:
                ended = ", ".join(f"{one['status']} {one['finished_at']}" for one in documents)
                outcome.fault(f"{each.name}: {ended}", "more than one document")
            for document in documents:
                check(each, document, outcome)
        for name in found.keys() - self._inputs.keys():
            if not all(_is_of_a_blob(each, self._inputs) for each in found[name]):
                outcome.fault(
                    f"{name!r}, which nobody sent: {found[name][0]}", "a document for no input"
                )


def _is_of_a_blob(document: Mapping[str, Any], inputs: Mapping[str, Input]) -> bool:
    """Whether it is of a blob of ours: an upload whose confirmation was lost makes two versions."""
    result: Any = document.get("result") or {}
    return document["source"] == "blob" and str(result.get("output")).split("/")[-1] in inputs


def check(each: Input, document: Mapping[str, Any], outcome: Outcome) -> None:
    """Put a fault into `outcome` if the document is not the right one for its input."""
    result: Any = document.get("result")
    if document["status"] != "succeeded":
        outcome.fault(f"{each.name} failed: {document['error']}", "failed without a reason")
    elif document["source"] == "blob":
        if (result["rows"], result["failed"]) != (len(each.expected), 0):
            outcome.fault(f"{each.name}: {result}", "wrong report")
    elif result != each.expected:
        outcome.fault(f"{each.name}: expected {each.expected}, got {result}", "wrong prediction")
