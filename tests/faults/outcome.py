"""What one case tried and what came of it: a line of the table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Table

#: Of each kind of fault so many are told, each at most so long.
TOLD = 3
LONGEST = 500


@dataclass
class Outcome:
    """Filled in while a case runs. It holds where nothing was lost and nothing was wrong."""

    case: str
    #: What was tried, and how often.
    tried: str = ""
    #: Accepted inputs that ended in no document or answer.
    lost: int = 0
    #: Answers and documents that nobody may get: a wrong one, a second one, an undocumented one.
    wrong: int = 0
    #: Figures, as the table shows them.
    measured: list[str] = field(default_factory=list)
    seconds: float = 0.0
    _faults: dict[str, list[str]] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        return not self.lost and not self.wrong

    def lose(self, what: str, kind: str = "lost") -> None:
        self.lost += 1
        self._faults.setdefault(kind, []).append(what)

    def fault(self, what: str, kind: str = "wrong") -> None:
        self.wrong += 1
        self._faults.setdefault(kind, []).append(what)

    def require(self, truth: bool, what: str) -> None:
        if not truth:
            self.fault(what, what)

    def figure(self, text: str) -> None:
        self.measured.append(text)

    def faults(self) -> list[str]:
        """Sentences: each kind's number, and the first few of it."""
        return [
            f"{kind} ({len(told):,}): {each[:LONGEST]}"
            for kind, told in self._faults.items()
            for each in told[:TOLD]
        ]


def show(outcomes: list[Outcome]) -> None:
    """Print the table, and every kind of fault below it."""
    console = Console(width=150)
    table = Table("case", "tried", "lost", "wrong", "measured", "s", title="make test-faults")
    for each in outcomes:
        style = None if each.holds else "bold red"
        table.add_row(
            each.case,
            each.tried,
            str(each.lost),
            str(each.wrong),
            "; ".join(each.measured),
            f"{each.seconds:.0f}",
            style=style,
        )
    console.print(table)
    for each in outcomes:
        for sentence in each.faults():
            console.print(f"{each.case}: {sentence}", markup=False, highlight=False)


def told(statuses: Mapping[Any, int]) -> str:
    """`200: 512, 503: 3`."""
    return ", ".join(
        f"{status}: {number:,}" for status, number in sorted(statuses.items(), key=str)
    )
