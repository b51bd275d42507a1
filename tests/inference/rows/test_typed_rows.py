"""Rows of mixed columns keep their cells and their key bytes."""

from __future__ import annotations

import math

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.rows import coercion, typed_rows
from inference.rows.schema import ColumnType, Schema
from inference.rows.typed_columns import FEW_CELLS
from inference.rows.typed_rows import TypedRows, concatenate

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
SCHEMA = Schema(
    kind="frame", features=4, names=("a", "b", "c", "d"), types=TYPES, allows_missing=True
)


def read(rows, schema=SCHEMA, *, text=False):
    return coercion.coerce_rows(rows, schema, text=text).typed()


def cell_of(value):
    """A cell as it stands in cache keys."""
    if value is None:
        return math.nan
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= 2**53:
        return float(value)
    return value


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


def test_a_column_has_one_type_for_all_its_cells():
    rows = read([[1, "x", True, 2**53 + 1], [None, None, None, 3]] * FEW_CELLS)
    assert [column.dtype for column in rows.columns[:3]] == [
        np.float64,
        typed_rows.TEXT_DTYPE,
        np.int8,
    ]
    assert rows.columns[3].dtype == np.int64
    assert rows[:2].tolist()[1][3] == 3.0
    assert rows.shape == (2 * FEW_CELLS, 4)


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
    empty = ["", "", "", " "]
    rows = read([row, empty] * count, text=True).tolist()
    assert rows[0] == [5.0, "5", True, 0.0]
    assert math.copysign(1, rows[0][3]) == 1
    assert all(cell != cell for cell in rows[1])  # noqa: PLR0124 - NaN


def test_objects_give_the_rows_back():
    rows = read([[1, "x", True, 2**60], [None, None, None, None]])
    again = coercion.coerce_objects(rows.objects(), SCHEMA)
    assert isinstance(again, TypedRows)
    assert again.row_bytes() == rows.row_bytes()
