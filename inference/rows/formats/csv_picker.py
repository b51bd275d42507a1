"""Picks some of the cells of a CSV's lines, each as it came, with its quotes."""

from __future__ import annotations

import re
from collections.abc import Sequence


class CellPicker:
    """`positions`: of the cells, in the order in which they are written."""

    def __init__(self, positions: Sequence[int], delimiter: str) -> None:
        self._positions, self._comma = positions, delimiter.encode()
        self._cell = re.compile(
            rb'(?:"(?:[^"]++|"")*+")?+[^%b]*+' % re.escape(self._comma), re.DOTALL
        )

    def __len__(self) -> int:
        return len(self._positions)

    def of(self, names: Sequence[str]) -> tuple[str, ...]:
        """The names of these cells."""
        return tuple(names[at] for at in self._positions)

    def pick(self, line: bytes) -> bytes:
        """Those of a line without its end. A cell that the line lacks is empty."""
        cells = self._quoted(line) if b'"' in line else line.split(self._comma)
        count = len(cells)
        return self._comma.join([cells[at] if at < count else b"" for at in self._positions])

    def _quoted(self, line: bytes) -> list[bytes]:
        cells: list[bytes] = []
        at = 0
        while at <= len(line) and (found := self._cell.match(line, at)):
            cells.append(found[0])
            at = found.end() + 1
        return cells
