"""The result of one case: a row of the table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Table

#: How many faults of each kind are printed, and how many characters of each.
MAX_PRINTED = 3
MAX_CHARACTERS = 500


@dataclass
class Outcome:
    """A case fills it in while it runs. It holds if nothing was lost and nothing was wrong."""

    case: str
    #: What was tried, and how often.
    tried: str = ""
    #: Accepted inputs that got no document or answer.
    lost: int = 0
    #: Answers and documents that are forbidden: wrong, a second one, undocumented.
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
        """Each kind with its count, and its first few faults."""
        return [
            f"{kind} ({len(faults):,}): {each[:MAX_CHARACTERS]}"
            for kind, faults in self._faults.items()
            for each in faults[:MAX_PRINTED]
        ]


def show(outcomes: list[Outcome]) -> None:
    """Print the table, and the faults below it."""
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


def format_counts(statuses: Mapping[Any, int]) -> str:
    """`200: 512, 503: 3`."""
    return ", ".join(
        f"{status}: {number:,}" for status, number in sorted(statuses.items(), key=str)
    )
