"""Whether the first line of a CSV names the columns, and which column is which feature.

1. `header=present` or `header=absent` of the content type decides.
2. Where the model's features have names, a line that holds one of them is the header. A line that
   holds none is a row if its cells are values of their columns. Any other line is refused.
3. Where they have none, a line is the header if each of its cells could be a name.
4. In a model of texts, a line that holds its name is the header, and one of several words a row.

A line that could be either is refused: nothing is scored under a wrong name, and no row is lost.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from inference.errors import UnfitInput
from inference.rows.number_cells import NumberCells
from inference.rows.row_types import parse_number, short_repr
from inference.rows.schema import NA_WORDS, TEXT, Column, Schema
from inference.rows.text_options import TextOptions
from inference.rows.typed_columns import WRONG, CellType, readers

#: From so many columns on, `0,1,2` is what pandas writes above columns without names.
_NUMBERED_COLUMNS = 3
#: Names that a message lists.
_LISTED_NAMES = 10
_SAY = "say header=present or header=absent in the content type or the blob's metadata"
_NO_NAMES = {"true", "false", "inf", "infinity"}
_SIGNS = "+-\N{MINUS SIGN}."
#: A cell's first characters tell whether it is a name. Each sign that is left out copies the rest.
_DECIDING_CHARS = 64
_OTHER_DELIMITERS = {";": "';'", "\t": "tab", "|": "'|'"}


@dataclass(frozen=True, slots=True)
class Header:
    """The names of a CSV's columns."""

    names: tuple[str, ...]
    #: The positions of the model's features; None: all columns as they come.
    order: list[int] | None


def find_header(
    line: Sequence[str], schema: Schema, options: TextOptions, *, lines_follow: bool
) -> Header | None:
    """The header that the first line is; None if it is a row. Raises UnfitInput."""
    present = options.header
    if present is None:
        present = _is_header(line, schema, options, lines_follow=lines_follow)
    return Header(tuple(line), _order(line, schema)) if present else None


def _is_header(
    line: Sequence[str], schema: Schema, options: TextOptions, *, lines_follow: bool
) -> bool:
    names = {*(schema.names or ())}
    if schema.kind == "texts":
        return _names_text(line, names, lines_follow=lines_follow)
    if not (names | schema.ignored).isdisjoint(line):
        return True
    if options.delimiter is None:
        _require_commas(line, schema)
    if lines_follow and _counts_up(line):
        got = f"{short_repr(','.join(line))}, which may be a row or the numbers of columns"
        raise UnfitInput(field="the first line", expected=_expected(schema), got=f"{got}: {_SAY}")
    if schema.names is None:
        return all(map(may_be_name, line[1:] if _is_index(line) else line))
    _require_row(line, schema)
    return False


def _names_text(line: Sequence[str], names: set[str], *, lines_follow: bool) -> bool:
    """Whether a model of texts knows one of the names. Raises UnfitInput for a word that may be a
    text or another name.
    """
    if not {TEXT, *names}.isdisjoint(line):
        return True
    if lines_follow and all(map(str.isidentifier, line)):
        raise UnfitInput(
            field="the first line",
            expected=f"the name {TEXT!r} above the texts, or a text",
            got=f"{short_repr(line[0])}, which may be a text or another name: call the column"
            f" {TEXT!r}, or say header=absent in the content type or the blob's metadata",
        )
    return False


def _order(line: Sequence[str], schema: Schema) -> list[int] | None:
    """See Header.order. Raises UnfitInput."""
    if schema.names is None:
        return _nameless_order(line, schema)
    return schema.order(line)


def _nameless_order(line: Sequence[str], schema: Schema) -> list[int] | None:
    if len(set(line)) < len(line):
        name, times = Counter(line).most_common(1)[0]
        got = "twice" if times == 2 else f"{times} times"
        raise UnfitInput(field=f"column {name!r}", expected="once", got=got)
    order = list(range(len(line))) if (known := schema.order(line)) is None else known
    if _is_index(line) and schema.features in (None, len(order) - 1):
        return order[1:]
    if schema.features not in (None, len(order)):
        width = f"{schema.features} columns"
        raise UnfitInput(field="the header", expected=width, got=str(len(order)))
    return known


def _is_index(line: Sequence[str]) -> bool:
    """Whether the first column is the index that pandas writes without a name."""
    return len(line) > 1 and not line[0]


def _counts_up(line: Sequence[str]) -> bool:
    cells = list(line[1:] if _is_index(line) else line)
    return len(cells) >= _NUMBERED_COLUMNS and cells == [str(i) for i in range(len(cells))]


def may_be_name(cell: str) -> bool:
    """Whether a cell can be the name of a column, and no value."""
    text = cell.strip()[:_DECIDING_CHARS]
    if text in NA_WORDS or text.lower() in _NO_NAMES:
        return False
    while text and (text[0] in _SIGNS or unicodedata.category(text[0]) == "Sc"):
        text = text[1:].lstrip()
    return bool(text) and not text[0].isdigit() and text.lower() not in _NO_NAMES


def _require_row(line: Sequence[str], schema: Schema) -> None:
    """Raises UnfitInput unless the line can only be a row of the model's columns."""
    values = 0
    for cell, name, is_value in _fits(line, schema):
        if is_value is None:
            raise _refusal(schema, f"{short_repr(cell)} as {name!r}")
        values += is_value
    if not values:
        raise _refusal(schema, f"no value of a column that is not text: {short_repr(line[0])}, …")
    if any(map(_is_number, schema.names or ())):
        raise _refusal(schema, f"{short_repr(line[0])}, …, which may be other names")


def _fits(line: Sequence[str], schema: Schema) -> Iterator[tuple[str, str, bool | None]]:
    """Each cell, its column's name, and whether it is a value; None: it can't stand there."""
    number = Column("", "number"), NumberCells(Column(""), text=True)
    columns: list[tuple[Column, CellType]] = [
        (reader.feature, reader.cells) for reader in readers(schema, text=True)
    ] or [number] * len(schema.names or ())
    for cell, name, (column, cells) in zip(line, schema.names or (), columns, strict=False):
        if column.type == "text" or cell in schema.na:
            yield cell, name, False
            continue
        try:
            yield cell, name, cells.one(cell) is not None
        except WRONG:
            yield cell, name, False if column.type == "category" else None


def _require_commas(line: Sequence[str], schema: Schema) -> None:
    """Raises UnfitInput if another delimiter makes sense of the line and the comma does not."""
    text = ",".join(line)
    for delimiter, shown in _OTHER_DELIMITERS.items():
        cells = text.split(delimiter)
        if len(cells) < 2 or len(line) == schema.features:
            continue
        if len(cells) == schema.features or not {*(schema.names or ())}.isdisjoint(cells):
            raise UnfitInput(
                field="the first line",
                expected="cells with commas between them",
                got=f"{short_repr(text)}: if {shown} is the delimiter, say so in the content type"
                f' (delimiter="{"tab" if delimiter == chr(9) else delimiter}"), and write numbers'
                " with a decimal point",
            )


def _refusal(schema: Schema, got: str) -> UnfitInput:
    return UnfitInput(field="the first line", expected=_expected(schema), got=f"{got}: {_SAY}")


def _expected(schema: Schema) -> str:
    names = schema.names
    if names is None:
        return "names of columns or a row"
    listed = ", ".join(map(repr, names[:_LISTED_NAMES]))
    more = f" and {len(names) - _LISTED_NAMES} more" if len(names) > _LISTED_NAMES else ""
    return f"the columns {listed}{more}, or a row of them"


def _is_number(name: str) -> bool:
    try:
        parse_number(name)
    except ValueError:
        return False
    return True
