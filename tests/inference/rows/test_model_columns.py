"""A few rows of Arrow columns become the same array at once as column by column."""

import itertools

import pyarrow as pa
import pytest

from inference.errors import UnfitInput
from inference.rows.formats import model_columns
from inference.rows.formats.model_columns import ColumnsPart
from inference.rows.schema import Schema

COLUMNS = [
    pa.array([1.5, None, float("nan"), -0.0], pa.float64()),
    pa.array([1.5, -2.0, 3e38, 0.0], pa.float64()),
    pa.array([0.1, None, 3e38, -0.0], pa.float32()),
    pa.array([2**63 - 1, -(2**63), 2**53 + 1, 0], pa.int64()),
    pa.array([1, None, 3, 4], pa.int64()),
    pa.array([2**64 - 1, 1, 2, 3], pa.uint64()),
    pa.array([1, 2, 3, 4], pa.int8()),
    pa.array([True, False, None, True]),
    pa.array(["a", "b", "c", "d"]),
]
SCHEMAS = [
    Schema(features=2),
    Schema(features=2, allows_missing=True),
    Schema(features=2, dtype="float32"),
    Schema(features=2, dtype="int64"),
    Schema(features=3),
    Schema(),
]


def read(columns, schema):
    batch = pa.RecordBatch.from_arrays(list(columns), names=["a", "b"])
    try:
        rows = ColumnsPart(batch, batch).coerce(schema, first=0)
    except UnfitInput as error:
        return str(error)
    errors = {row: str(error) for row, error in rows.errors.items()}
    return rows.values.dtype, rows.values.tobytes(), rows.kept.tolist(), errors


@pytest.mark.parametrize(
    "schema", SCHEMAS, ids=["plain", "gaps", "float32", "int64", "another width", "any width"]
)
def test_few_rows_are_read_at_once_as_column_by_column(schema, monkeypatch):
    pairs = list(itertools.product(COLUMNS, repeat=2))
    at_once = [read(pair, schema) for pair in pairs]
    monkeypatch.setattr(model_columns, "_SHORT_ROWS", 0)
    assert at_once == [read(pair, schema) for pair in pairs]
