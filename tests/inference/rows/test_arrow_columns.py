"""Arrow's columns hold the same as their cells one by one, whatever their type."""

from __future__ import annotations

import datetime as dt
import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.errors import UnfitInput
from inference.rows import typed_columns, typed_rows
from inference.rows.formats import arrow_columns
from inference.rows.schema import Column, Unseen, frame_schema

INTEGERS = {
    kind: st.integers(int(np.iinfo(name).min), int(np.iinfo(name).max)) | st.sampled_from([0, 1, 2])
    for kind, name in [
        (pa.int8(), "int8"),
        (pa.uint8(), "uint8"),
        (pa.int32(), "int32"),
        (pa.int64(), "int64"),
        (pa.uint64(), "uint64"),
    ]
}
SOME_FLOATS = [0.0, -0.0, 1.0, 3.5, 2.0**53, 2.0**63, -(2.0**63), 2.0**64, math.nan, math.inf]
FLOATS = {
    pa.float64(): st.floats() | st.sampled_from(SOME_FLOATS),
    pa.float32(): st.floats(width=32) | st.sampled_from(SOME_FLOATS),
}
TEXT = st.sampled_from(["", "a", "b", "1", "1.0", "true", "2024-01-31", "é" * 20])
TEXTS = {pa.string(): TEXT, pa.large_string(): TEXT, pa.string_view(): TEXT}
KINDS = {**INTEGERS, **FLOATS, **TEXTS, pa.bool_(): st.booleans(), pa.null(): st.none()}


def columns() -> st.SearchStrategy[pa.Array]:
    return st.sampled_from(list(KINDS)).flatmap(_of_kind)


@st.composite
def _of_kind(draw, kind: pa.DataType) -> pa.Array:
    values = draw(st.lists(KINDS[kind] | st.none(), max_size=12))
    column = pa.array(values, kind, from_pandas=False)
    if kind not in (pa.null(), pa.string_view()) and draw(st.booleans()):
        column = column.dictionary_encode()
    return column.slice(draw(st.integers(0, 2)))


FEATURES = [
    Column("c", "integer"),
    Column("c", "integer", dtype="int8"),
    Column("c", "integer", dtype="uint64"),
    Column("c", "integer", dtype="Int64"),
    Column("c", "integer", dtype="float64"),
    Column("c", "number"),
    Column("c", "number", dtype="float32"),
    Column("c", "boolean"),
    Column("c", "text"),
    Column("c", "category", categories=("a", "b", "1")),
    Column("c", "category", categories=(0.0, 1.0, 2.0)),
    Column("c", "category", categories=(1, 2)),
    Column("c", "category", categories=(False, True)),
    Column("c", "date"),
]


def reader_of(feature: Column, unseen: Unseen = "error") -> typed_columns.ColumnReader:
    (reader,) = typed_columns.readers(frame_schema([feature], unseen=unseen), text=False)
    return reader


@settings(max_examples=400, deadline=None)
@given(
    column=columns(),
    feature=st.sampled_from(FEATURES),
    missing=st.booleans(),
    unseen=st.sampled_from(["error", "missing"]),
)
def test_any_column_is_read_as_its_cells_one_by_one_are(column, feature, missing, unseen):
    feature = Column("c", feature.type, missing, feature.dtype, feature.categories)
    reader = reader_of(feature, unseen)
    got, wrong = arrow_columns.read(reader, "c", column)
    cells = arrow_columns.cells("c", column)
    expected, wrong_cells = reader._one_by_one(reader._mark_missing(cells), cells)
    assert got.dtype == typed_rows.storage(feature)
    assert repr(wrong) == repr(wrong_cells)  # NaN differs from itself
    fits = [place for place in range(len(column)) if place not in wrong]
    assert repr(typed_rows.cells(got[fits])) == repr(typed_rows.cells(expected[fits]))


EPOCH = dt.datetime.fromtimestamp(0, dt.UTC).replace(tzinfo=None)
MOMENTS = st.integers(-(2**53), 2**53).map(lambda us: EPOCH + dt.timedelta(microseconds=us))


@settings(max_examples=200, deadline=None)
@given(
    moments=st.lists(MOMENTS | st.none(), max_size=8),
    unit=st.sampled_from(["s", "ms", "us", "ns"]),
    zone=st.sampled_from([None, "UTC", "Europe/Berlin"]),
    dtype=st.sampled_from(["datetime64[ns]", "datetime64[s]", "datetime64[us, UTC]"]),
    missing=st.booleans(),
)
def test_dates_of_any_unit_and_zone_are_read_as_their_iso_texts_are(
    moments, unit, zone, dtype, missing
):
    column = pa.array(moments, pa.timestamp("us")).cast(pa.timestamp(unit), safe=False)
    column = column.cast(pa.timestamp(unit, zone)) if zone is None else column.view(
        pa.timestamp(unit, zone)
    )  # fmt: skip
    feature = Column("when", "date", missing, dtype)
    reader = reader_of(feature)
    got, wrong = arrow_columns.read(reader, "when", column)
    texts = [
        None if text is None else text[:26] + ("+00:00" if zone else "")
        for text in (
            None if cell is None else cell.removesuffix("+00:00")
            for cell in arrow_columns.cells("when", column)
        )
    ]
    expected, wrong_cells = reader._one_by_one(texts, texts)
    assert list(wrong) == list(wrong_cells)
    fits = [place for place in range(len(column)) if place not in wrong]
    assert got[fits].tolist() == expected[fits].tolist()


FAR = [
    pa.array([253370764800, 0], pa.timestamp("s")),  # the year 9999
    pa.array([2**62, 0], pa.timestamp("s")),
    pa.array([-(2**62), 0], pa.timestamp("ms")),
    pa.array([-(2**63) + 2, 0], pa.timestamp("us")),
    pa.array([2932896, 0], pa.date32()),
    pa.array([2**31 - 1, 0], pa.date32()),
    pa.array([253402214400000, 0], pa.date64()),
]


@pytest.mark.parametrize("column", FAR, ids=str)
def test_a_date_beyond_the_range_of_the_column_is_that_cells_error(column):
    got, wrong = arrow_columns.read(reader_of(Column("when", "date")), "when", column)
    assert list(wrong) == [0]
    assert str(got[1]) == "1970-01-01T00:00:00.000000000"
    whole = reader_of(Column("when", "date", dtype="datetime64[s]"))
    arrow_columns.read(whole, "when", column)  # raises nothing


@pytest.mark.parametrize("kind", [pa.date32(), pa.date64()])
def test_days_are_midnights_of_no_zone(kind):
    column = pa.array([dt.date(2024, 1, 31), None], kind)
    got, wrong = arrow_columns.read(reader_of(Column("d", "date", missing=True)), "d", column)
    assert (np.datetime_as_string(got, "D").tolist(), wrong) == (["2024-01-31", "NaT"], {})
    zoned = reader_of(Column("d", "date", dtype="datetime64[ns, UTC]"))
    _, wrong = arrow_columns.read(zoned, "d", column)
    assert list(wrong) == [0, 1]


def test_nanoseconds_are_kept_where_training_had_them():
    column = pa.array([1, 2**62], pa.timestamp("ns"))
    got, wrong = arrow_columns.read(reader_of(Column("d", "date")), "d", column)
    assert (got.view("int64").tolist(), wrong) == ([1, 2**62], {})
    coarse = reader_of(Column("d", "date", dtype="datetime64[us]"))
    _, wrong = arrow_columns.read(coarse, "d", column)
    assert wrong[0] == "1970-01-01T00:00:00.000000001"


def test_a_dictionary_is_read_once_and_unused_values_do_not_matter():
    column = pa.DictionaryArray.from_arrays(
        pa.array([1, 0, None, 1], pa.int8()), pa.array(["b", "a", "unknown"])
    )
    reader = reader_of(Column("c", "category", missing=True, categories=("a", "b")))
    got, wrong = arrow_columns.read(reader, "c", column)
    assert (got.tolist(), wrong) == ([0, 1, -1, 0], {})


@pytest.mark.parametrize("kind", [pa.list_(pa.int8()), pa.binary(), pa.time64("us")])
def test_a_type_that_no_model_takes_is_named(kind):
    with pytest.raises(UnfitInput, match="column 'c': expected numbers, booleans, texts or dates"):
        arrow_columns.read(reader_of(Column("c", "number")), "c", pa.nulls(2, kind))
