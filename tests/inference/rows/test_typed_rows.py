"""Rows of mixed columns keep their cells and their key bytes."""

from __future__ import annotations

import math

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.rows import coercion, typed_rows
from inference.rows.schema import Column, ColumnType, frame_schema
from inference.rows.typed_columns import FEW_CELLS
from inference.rows.typed_rows import concatenate
from tests.schemas import frame

NUMBERS = st.one_of(
    st.none(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-(2**63), 2**64 - 1),
    st.sampled_from([0, -0.0, 2**53, 2**53 + 1, 1e17]),
)
CELLS: dict[ColumnType, st.SearchStrategy[object]] = {
    "number": NUMBERS,
    "boolean": st.sampled_from([True, False, None]),
    "text": st.none() | st.text(st.characters(codec="utf-8"), max_size=20),
}
TYPES: tuple[ColumnType, ...] = ("number", "text", "boolean", "number")
SCHEMA = frame(("a", "b", "c", "d"), TYPES, missing=True)


def read(rows, schema=SCHEMA, *, text=False):
    return coercion.coerce_rows(rows, schema, text=text).typed()


def cell_of(value):
    """A cell as it stands in cache keys."""
    if value is None:
        return math.nan
    return float(value) if type(value) is int else value


@given(
    rows=st.lists(st.tuples(*(CELLS[kind] for kind in TYPES)), max_size=3 * FEW_CELLS),
    data=st.data(),
)
def test_rows_keep_their_key_bytes_when_they_are_cut_and_joined(rows, data):
    expected = [orjson.dumps([cell_of(cell) for cell in row]) for row in rows]
    whole = read(rows)
    assert whole.row_bytes() == expected
    cut = data.draw(st.integers(0, len(rows)))
    assert concatenate([read(rows[:cut]), read(rows[cut:])]).row_bytes() == expected
    picked = data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=5)) if rows else []
    assert whole[picked].row_bytes() == [expected[row] for row in picked]


ALL_TYPES = frame_schema(
    [
        Column("n", "number", missing=True),
        Column("t", "text", missing=True),
        Column("b", "boolean", missing=True),
        Column("i", "integer"),
        Column("m", "integer", missing=True, dtype="Int64"),
        Column("f", "integer", missing=True, dtype="float64"),
        Column("c", "category", missing=True, categories=("x", "y")),
        Column("d", "date", missing=True),
    ]
)


@pytest.mark.parametrize("count", [1, FEW_CELLS])
def test_a_columns_dtype_comes_from_the_schema_alone(count):
    one = [1, "x", True, 2**53 + 1, 2**53 + 1, 3, "y", "2024-01-31"]
    gap = [None, None, None, 3, None, None, None, None]
    rows = read([one, gap] * count, ALL_TYPES)
    assert [column.dtype for column in rows.columns] == [
        np.float64,
        typed_rows.TEXT_DTYPE,
        np.int8,
        np.int64,
        typed_rows.INTEGER_OR_MISSING,
        np.float64,
        np.int32,
        np.dtype("datetime64[ns]"),
    ]
    assert coercion.json_cells(rows, ALL_TYPES)[:2] == [
        [1.0, "x", True, 2**53 + 1, 2**53 + 1, 3.0, "y", "2024-01-31T00:00:00.000000000"],
        gap,
    ]
    assert rows.shape == (2 * count, 8)


@pytest.mark.parametrize(
    ("column", "wrong"),
    [
        (Column("c", "integer"), [3.5, True, "3", None, 2**63]),
        (Column("c", "integer", dtype="int8"), [128, -129]),
        (Column("c", "integer", dtype="uint64"), [-1, 2**64]),
        (Column("c", "integer", missing=True, dtype="UInt64"), [-1, 2**63, 2**64]),
        (Column("c", "number"), [True, "3", None, math.inf]),
        (Column("c", "boolean"), [1, "true", None]),
        (Column("c", "number", dtype="float32"), [1e39, -3.4028235677973366e38, math.inf]),
        (Column("c", "number", missing=True, dtype="float[pyarrow]"), [1e39, -math.inf]),
        (Column("c", "number", dtype="float16"), [65520.0]),
        (Column("c", "text"), [1, None, "\ud800"]),
        (Column("c", "category", categories=("1", "2")), [1, "3", None]),
        (Column("c", "category", categories=(1, 2)), ["1", 3, True]),
        (Column("c", "date"), ["yesterday", 5, "2024-01-31T10:00:00Z"]),
        (Column("c", "date", dtype="datetime64[us, UTC]"), ["2024-01-31"]),
        (Column("c", "date"), ["9999-12-31", "1600-01-01"]),
    ],
    ids=lambda value: getattr(value, "type", ""),
)
@pytest.mark.parametrize("count", [1, FEW_CELLS])
def test_a_cell_of_another_type_is_that_rows_error(column, wrong, count):
    good = {
        "integer": 3.0,
        "number": 1,
        "boolean": False,
        "text": "",
        "category": (column.categories or [0])[0],
        "date": "2024-01-31T10:00:00+01:00" if column.dtype else "2024-01-31",
    }[column.type]
    rows = [*wrong, *[good] * count]
    found = coercion.coerce_rows([[cell] for cell in rows], frame_schema([column]), text=False)
    assert sorted(found.errors) == list(range(len(wrong)))
    assert len(found.values) == count


@pytest.mark.parametrize(
    ("dtype", "wrong", "says"),
    [
        ("", "9999-12-31", "without a time zone, of the years 1678 to 2261"),
        ("datetime64[us]", "2024-01-31T10:00:00Z", "without a time zone, up to microseconds"),
        ("datetime64[s, UTC]", "2024-01-31", "with its time zone, in whole seconds"),
    ],
)
def test_the_error_of_a_date_says_what_its_column_holds(dtype, wrong, says):
    schema = frame_schema([Column("at", "date", dtype=dtype)])
    found = coercion.coerce_rows([[wrong]], schema, text=False)
    assert f"a date or time in ISO 8601 {says}, got '{wrong}'" in str(found.errors[0])


@pytest.mark.parametrize("text", [False, True])
@pytest.mark.parametrize("count", [1, 10 * FEW_CELLS])
def test_the_largest_numbers_of_float32_are_taken(count, text):
    schema = frame_schema([Column("c", "number", dtype="float32")])
    largest = float(np.finfo(np.float32).max)
    cells = [[repr(largest) if text else largest], ["-1.5" if text else -1.5]]
    rows = coercion.coerce_rows(cells * count, schema, text=text).require_valid()
    assert rows.columns[0][:2].tolist() == [largest, -1.5]


def test_an_unseen_category_is_missing_where_the_schema_says_so():
    column = Column("c", "category", missing=True, categories=("x", "y"))
    schema = frame_schema([column], unseen="missing")
    assert read([["z"], ["y"]], schema).tolist() == [[pytest.approx(math.nan, nan_ok=True)], [1]]


@pytest.mark.parametrize("cell", ["1", "1.0", " 1 "])
def test_csv_spells_the_numbers_of_categories_in_any_way(cell):
    schema = frame_schema([Column("c", "category", categories=(2, 1))])
    assert read([[cell]], schema, text=True).tolist() == [[1]]


@pytest.mark.parametrize("count", [1, 10 * FEW_CELLS])
def test_the_first_wrong_cell_of_a_row_is_its_error(count):
    good, wrong = [1, "x", True, 2], [1, 5, "yes", 2]
    found = coercion.coerce_rows([good] * count + [wrong] + [good], SCHEMA, text=False, first=7)
    assert str(found.errors.pop(count)) == f"row {count + 7}, column 'b': expected a text, got 5"
    assert not found.errors
    assert found.kept.tolist() == [*range(count), count + 1]
    assert len(found.values) == count + 1


@pytest.mark.parametrize("count", [1, 10 * FEW_CELLS])
def test_csv_cells_are_read_as_the_columns_types_say(count):
    row = [" 5 ", "5", "TRUE", "-0"]
    empty = ["", "NA", "NULL", "nan"]
    rows = read([row, empty] * count, text=True).tolist()
    assert rows[0] == [5.0, "5", True, 0.0]
    assert all(cell != cell for cell in rows[1])  # noqa: PLR0124 - NaN


def test_json_cells_give_the_rows_back():
    rows = read([[1, "x", True, 0.5], [None, None, None, None]])
    again = read(coercion.json_cells(rows, SCHEMA))
    assert again.row_bytes() == rows.row_bytes()


@pytest.mark.parametrize(
    ("text", "dtype", "expected"),
    [
        ("2024-02-27T06:30:00.123456789", "datetime64[ns]", "2024-02-27T06:30:00.123456789"),
        ("2024-02-27 06:30:00.1234567", "datetime64[ns]", "2024-02-27T06:30:00.123456700"),
        ("2024-02-27T06:30:00.123456000", "datetime64[us]", "2024-02-27T06:30:00.123456"),
        ("2024-02-27T06:30:00.123456789", "datetime64[us]", None),
        ("2024-02-27T06:30:00.1234567891", "datetime64[ns]", None),
    ],
)
def test_a_moment_keeps_its_nanoseconds_or_is_refused(text, dtype, expected):
    schema = frame_schema([Column("at", "date", dtype=dtype)])
    rows = coercion.coerce_rows([[text]], schema, text=True)
    assert bool(rows.errors) is (expected is None)
    if expected is not None:
        assert str(rows.require_valid().columns[0][0]) == expected
