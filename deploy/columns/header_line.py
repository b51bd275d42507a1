"""Whether the first line of a CSV file of rows has names, for a model that knows none.

pandas takes it for names always. Where all columns are texts it may as well be a row.
"""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from deploy.columns import encoders, frames
from deploy.columns.frames import Sample, Stated
from inference.errors import UnfitInput
from inference.rows.formats.csv_header import may_be_name

#: How pandas calls a column whose cell in the first line is empty.
_UNNAMED = "Unnamed: "


def with_names(rows: Sample | None, estimator: Any, stated: Stated) -> Sample | None:
    """The rows if their columns have names; None without. Raises UnfitInput if nobody can tell."""
    if rows is None or not frames.has_names(rows.frame):
        return None
    if rows.source.lower().endswith(".csv"):
        _require_told(rows, estimator, stated)
    return rows


def _require_told(rows: Sample, estimator: Any, stated: Stated) -> None:
    line = list(rows.frame.columns)
    if {*line} & {*stated.types} or _names_numbers(rows.frame):
        return
    texts = _known_texts(estimator, len(line))
    for at, those in texts.items():
        if line[at] in those:
            raise _refusal(rows, f"{line[at]!r}, a value that the model knows")
    if not texts:
        raise _refusal(rows, f"{line[0]!r}, which may be a cell, because all columns are texts")


def _known_texts(estimator: Any, width: int) -> dict[int, Container[object]]:
    """The values of each column of texts that the model knows, by position."""
    known = encoders.columns(estimator, [str(at) for at in range(width)])
    return {
        int(at): column.categories or () for at, column in known.items() if column.type == "text"
    }


def _names_numbers(frame: Any) -> bool:
    """Whether a cell of the first line is a name above numbers or booleans."""
    return any(
        dtype.kind in "iufb" and may_be_name(name) and not name.startswith(_UNNAMED)
        for name, dtype in frame.dtypes.items()
    )


def _refusal(rows: Sample, got: str) -> UnfitInput:
    return UnfitInput(
        field=f"{rows.source}, first line",
        expected="the names of the columns",
        got=f"{got}: put names above it, or if it has them, say so of one with"
        f" --type {rows.frame.columns[0]}=text",
    )
