"""Parquet files whose columns are too many, or too large, to be read at the same time."""

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from inference.errors import InputTooLarge
from inference.limits import Limits
from inference.rows import formats, media_types
from inference.rows.formats import parquet_reader
from inference.rows.schema import Schema
from tests import bodies
from tests.schemas import frame

LIMITS = Limits(10**7, 10_000)
SCHEMA = frame(
    ("n", "t", "k", "flag", "x"), ("integer", "text", "text", "boolean", "number"), missing=True
)


def rows(count: int) -> pa.Table:
    rng = np.random.default_rng(0)
    gaps = rng.random(count) < 0.1
    texts = np.array([f"text {number} {'x' * (number % 300)}" for number in range(count)], object)
    return pa.table(
        {
            "n": pa.array(rng.integers(-(2**53), 2**53, count), mask=gaps),
            "t": pa.array(texts, mask=gaps[::-1].copy()),
            "k": pa.array(texts[:7][rng.integers(0, 7, count)]).dictionary_encode(),
            "flag": pa.array(rng.random(count) < 0.5, mask=gaps),
            "x": pa.array(rng.random(count).astype(np.float32)),
        }
    )


def read_blob(body: bytes, schema: Schema = SCHEMA) -> list[list[object]]:
    table = formats.open_table(media_types.PARQUET, io.BytesIO(body), schema, LIMITS)
    return [row for part in table.parts() for row in part.coerced.require_valid().tolist()]


@pytest.mark.parametrize("columns", [1, 2])
@pytest.mark.parametrize(
    "options", [{}, {"use_dictionary": False, "compression": "zstd"}, {"row_group_size": 777}]
)
def test_columns_that_are_read_after_each_other_hold_the_same_rows(monkeypatch, columns, options):
    body = bodies.parquet(rows(9_000), **options)
    expected = read_blob(body)
    assert len(expected) == 9_000
    monkeypatch.setattr(parquet_reader, "STEP_COLUMNS", columns)
    assert repr(read_blob(body)) == repr(expected)
    found = formats.decode(body, media_types.PARQUET, SCHEMA, limits=LIMITS)
    assert repr(found.require_valid().tolist()) == repr(expected)


def test_columns_of_many_texts_are_read_without_a_dictionary_of_them(monkeypatch):
    body = bodies.parquet(rows(9_000), dictionary_pagesize_limit=20_000, data_page_size=20_000)
    expected = read_blob(body)
    monkeypatch.setattr(parquet_reader, "DICTIONARY_BYTES", 1_000)
    for size in (10_000_000, 100_000, 1):  # all rows at once, or five, or one
        monkeypatch.setattr(parquet_reader, "TEXTS_BYTES", size)
        assert repr(read_blob(body)) == repr(expected)


def test_a_blob_of_any_number_of_long_pages_is_read(monkeypatch):
    monkeypatch.setattr(parquet_reader, "STEP_BYTES", 100_000)
    monkeypatch.setattr(parquet_reader, "COLUMN_BYTES", 200_000)
    values = np.random.default_rng(0).random((20, 8_000))
    body = bodies.parquet(pa.table({f"c{at}": column for at, column in enumerate(values)}))
    schema = frame([f"c{at}" for at in range(20)], ["number"] * 20)
    assert read_blob(body, schema) == values.T.tolist()


def test_a_single_page_that_takes_too_much_memory_is_refused(monkeypatch):
    monkeypatch.setattr(parquet_reader, "COLUMN_BYTES", 50_000)
    body = bodies.parquet(rows(9_000), use_dictionary=False)
    with pytest.raises(InputTooLarge, match=r"a page of column '[nt]'.*row groups of fewer"):
        read_blob(body)


@pytest.mark.parametrize("rows", [0, 1])
@pytest.mark.parametrize("nested", [False, True])
def test_columns_are_limited_with_and_without_row_groups(monkeypatch, rows, nested):
    monkeypatch.setattr(parquet_reader, "MAX_COLUMNS", 6)
    column = pa.array([[1.0]] * rows, pa.list_(pa.float64())) if nested else pa.array([1.0] * rows)
    for columns in (5, 6):
        table = pa.table(
            {"a": pa.array([1.0] * rows)} | {f"c{at}": column for at in range(columns)}
        )
        body = io.BytesIO()
        writer = pq.ParquetWriter(body, table.schema)
        if rows:
            writer.write_table(table)
        writer.close()
        if columns == 5:
            assert read_blob(body.getvalue(), frame(["a"], ["number"])) == [[1.0]] * rows
            continue
        with pytest.raises(InputTooLarge, match="7 columns of Parquet"):
            read_blob(body.getvalue(), frame(["a"], ["number"]))
