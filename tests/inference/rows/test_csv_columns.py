"""CSV with texts, gaps and quotes: pyarrow's way gives what csv.reader's way gives."""

import io
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.errors import CallerError
from inference.rows.formats import csv_columns, csv_lines, csv_numbers, csv_reader
from inference.rows.formats.csv_reader import CsvReader
from inference.rows.formats.csv_table import CsvTable
from inference.rows.schema import TEXTS, Column, Schema, frame_schema
from inference.rows.text_options import TextOptions
from inference.rows.typed_rows import TypedRows

GAPS = frame_schema(
    [
        Column("n", "number", missing=True),
        Column("i", "integer", missing=True),
        Column("city", "category", missing=True, categories=("a", "b", "NA")),
        Column("note", "text", missing=True),
        Column("on", "boolean", missing=True),
    ]
)
SCHEMAS = [
    GAPS,
    frame_schema([replace(column, missing=False) for column in GAPS.columns or ()]),
    frame_schema(
        [
            Column("n", "number", dtype="float32"),
            Column("i", "integer", dtype="uint64"),
            Column("city", "category", categories=(1, 2.5, 3)),
            Column("day", "date"),
            Column("at", "date", dtype="datetime64[us, UTC]", missing=True),
        ],
        na=("-", "7", "a"),
        unseen="missing",
    ),
    frame_schema([Column("i", "integer", missing=True, dtype="float64"), Column("j", "integer")]),
    frame_schema(
        [Column("i", "integer", known=(1, 2, 3)), Column("city", "text", known=("a", "b", "1"))]
    ),
    Schema(features=2),
    Schema(features=2, names=("i", "n"), allows_missing=True),
    Schema(features=2, allows_missing=True, dtype="float32"),
    Schema(features=2, dtype="int64"),
    TEXTS,
]

USUAL = st.sampled_from(["1", "2", "3", "0.5", "a", "b", "", "true", "2020-01-02", "NA"])
NUMBERS = st.one_of(
    st.integers(-(2**65), 2**65).map(str),
    st.integers(-9, 9).map(str),
    st.floats().map(repr),
)
UNUSUAL = st.sampled_from(
    (
        *(" 1", "1 ", "+1", "1.", ".5", "007", "-0", "1e5", "1E400", "0x10", "1_0", "1,5", "-"),
        *("nan", "NAN", "inf", "null", " NA", "3.0", "9007199254740993", "18446744073709551615"),
        *(
            'say "x"',
            '5"',
            '"',
            "two\nlines",
            "two\r\nlines",
            "\r",
            "\n",
            " ",
            "\ufeff1",
            "é",
            "\0",
        ),
        *("2020-01-02T03:04:05Z", "2020-01-02T03:04:05.1234567", "٣", "\u00a01", "x" * 40, "False"),
    )
)
CELLS = st.one_of(USUAL, USUAL, NUMBERS, UNUSUAL)


def quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"'


@st.composite
def tables(draw) -> tuple[Schema, bytes]:
    """A table with few unusual cells, or one of anything."""
    schema = draw(st.sampled_from(SCHEMAS))
    names = list(schema.names or ("n", "i"))
    if draw(st.booleans()):
        names = draw(st.permutations([*names, "id"]))
    cells = draw(st.sampled_from([USUAL, NUMBERS, CELLS, UNUSUAL]))
    ends = draw(st.sampled_from([["\n"], ["\r\n"], ["\n", "\r\n"], ["\n", "\r"], ["\n\n", "\n"]]))
    raw = draw(st.booleans())

    def line(row):
        if raw and draw(st.integers(0, 9)) == 0:
            row = row[1:] if draw(st.booleans()) else [*row, "1"]
        written = [
            quoted(cell)
            if draw(st.integers(0, 3)) == 0 or (not raw and set(cell) & set(',"\r\n'))
            else cell
            for cell in row
        ]
        return ",".join(written) + draw(st.sampled_from(ends))

    rows = draw(st.lists(st.lists(cells, min_size=len(names), max_size=len(names)), max_size=20))
    head = ",".join(names) + ends[0] if draw(st.booleans()) else ""
    body = (head + "".join(map(line, rows))).encode()
    if draw(st.integers(0, 9)) == 0:
        body += draw(st.sampled_from([b'"', b"\xff", b"\r", b'1,"', b"1,2"]))
    return schema, body[: None if draw(st.booleans()) else -1]


def read(schema: Schema, body: bytes, options: TextOptions):
    """The rows, their lines, and what ended the reading, if anything did."""
    rows, lines = [], []
    error = ""
    try:
        table = CsvTable(io.BytesIO(body), schema, options)
        for part in table.parts():
            coerced = part.coerced
            values = dict(zip(coerced.kept.tolist(), coerced.values.tolist(), strict=True))
            kinds = (
                [str(column.dtype) for column in coerced.values.columns]
                if isinstance(coerced.values, TypedRows)
                else coerced.values.dtype
            )
            for at, line in enumerate(part.originals):
                lines.append(line)
                rows.append(
                    str(coerced.errors[at]) if at in coerced.errors else (values[at], kinds)
                )
            table.write(part, [0] * len(values))
    except CallerError as found:
        error = f"{type(found).__name__}: {found}"
    return rows, lines, error


def alike(one: object, other: object) -> bool:
    """Equal, where NaN equals itself."""
    if isinstance(one, float) and isinstance(other, float) and math.isnan(one):
        return math.isnan(other)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(alike, one, other))
    return one == other


@settings(deadline=None, max_examples=100)
@given(tables(), st.sampled_from([30, 10**6]), st.sampled_from([None, True, False]))
def test_rows_read_at_once_are_those_read_cell_by_cell(table, size, header):
    schema, body = table
    found = []
    for columns_bytes in (10**9, 0):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(csv_lines, "BLOCK_BYTES", size)
            patch.setattr(csv_lines, "_LEAST_BYTES", size)
            patch.setattr(csv_reader, "COLUMNS_BYTES", columns_bytes)
            if columns_bytes:
                patch.setattr(csv_numbers, "may_read", lambda _: False)
            found.append(read(schema, body, TextOptions(header=header)))
    (exact, exact_lines, exact_error), (fast, fast_lines, fast_error) = found
    assert fast_error == exact_error
    if not exact_error:  # else parts of other sizes came before it
        assert fast_lines == exact_lines
    assert all(map(alike, exact, fast)), (exact, fast)


TABLE = "id,n,i,city,note,on\n" + "".join(
    f'{at},{at / 8},{"" if at % 7 == 0 else at},{"ab"[at % 2]},"said ""no"", {at}",True\n'
    for at in range(3_000)
)


def test_texts_gaps_and_quotes_are_read_at_once(monkeypatch):
    read_at_once = []
    whole = csv_columns.ColumnsReader.read

    def note(reader, block):
        values = whole(reader, block)
        read_at_once.append(0 if values is None else len(values))
        return values

    monkeypatch.setattr(csv_columns.ColumnsReader, "read", note)
    changes = [("", ""), ("\n", "\r\n"), (' ""no"', ' ""n\no"'), ('"said ""no"", ', '5" ')]
    for old, new in changes:
        text = TABLE.replace(old, new) if old else TABLE
        reader = CsvReader(io.BytesIO(text.encode()), GAPS)
        parts = list(reader.parts())
        assert sum(len(part.lines) for part in parts) == 3_000
        assert sum(read_at_once) >= 2_000  # the rest is a short block
        read_at_once.clear()


def test_columns_can_be_written_to(monkeypatch):
    monkeypatch.setattr(csv_reader, "COLUMNS_BYTES", 0)
    for schema in (GAPS, Schema(features=5, names=("n", "i", "city", "note", "on"))):
        text = (
            "n,i,city,note,on\n1,2,a,,1\n" if schema is GAPS else 'n,i,city,note,on\n"1",2,3,4,5\n'
        )
        (part,) = CsvReader(io.BytesIO(text.encode()), schema).parts()
        values = part.coerce(schema, first=0).require_valid()
        for column in values.columns if isinstance(values, TypedRows) else [values]:
            assert column.flags.writeable
            assert isinstance(column, np.ndarray)
