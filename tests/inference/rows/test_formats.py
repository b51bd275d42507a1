import csv
import io
import tracemalloc

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from inference.errors import (
    CallerError,
    InputTooLarge,
    MalformedInput,
    ResultUnserialisable,
    UnfitInput,
    UnsupportedType,
)
from inference.limits import Limits
from inference.rows import formats, media_types
from inference.rows.formats import json_codec
from inference.rows.schema import Schema
from tests import bodies
from tests.bodies import npy

THREE = Schema(features=3)
MAYBE = Schema(features=3, allows_missing=True)

finite_rows = hnp.arrays(
    np.float64,
    st.tuples(st.integers(1, 5), st.just(3)),
    elements=st.floats(allow_nan=False, allow_infinity=False),
)


def read(body: bytes, kind: str, schema: Schema = THREE, max_rows: int = 100):
    return formats.decode(body, kind, schema, limits=Limits(10**8, max_rows)).require_valid()


@pytest.mark.parametrize("form", media_types.FORMATS)
@given(rows=finite_rows)
def test_every_finite_float_survives_every_format(form, rows):
    assert read(bodies.of_numbers(form, rows), form).tobytes() == rows.tobytes()


LINES = (media_types.CSV, media_types.JSON_LINES)
EMPTY = (b"", b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")  # and byte order marks alone


@pytest.mark.parametrize("form", media_types.FORMATS)
def test_an_empty_body_of_another_format_than_lines_is_malformed(form):
    for body in EMPTY if form == media_types.JSON else EMPTY[:1]:
        if form not in LINES:
            with pytest.raises(MalformedInput, match=r"empty|no Parquet"):
                read(body, form)
            with pytest.raises(MalformedInput, match="empty"):
                list(formats.open_table(form, io.BytesIO(body), THREE, Limits(10**8, 100)).parts())


@pytest.mark.parametrize("body", [*EMPTY, b"\n", b"\n\r\n"])
@pytest.mark.parametrize("form", LINES)
def test_an_empty_text_of_lines_is_an_input_without_rows(form, body):
    """Over HTTP and of a message, as of a blob."""
    assert len(read(body, form)) == 0
    table = formats.open_table(form, io.BytesIO(body), THREE, Limits(10**8, 100))
    assert sum(len(part.originals) for part in table.parts()) == 0


def test_a_header_alone_is_an_input_without_rows():
    named = Schema(names=("a", "b", "c"))
    assert len(read(b"c,b,a\n", media_types.CSV, named)) == 0
    with pytest.raises(UnfitInput, match="column 'c': expected present, got missing"):
        read(b"a,b\n", media_types.CSV, named)


@pytest.mark.parametrize(
    ("form", "body", "error", "says"),
    [
        ("application/json", b'{"data": [[1, 2', MalformedInput, "not JSON"),
        ("application/json", b'{"data": [[1, 2, NaN]]}', MalformedInput, "write null"),
        ("application/json", b'{"rows": [[1, 2, 3]]}', UnfitInput, "data: expected a list"),
        ("application/json", b'{"data": [1, 2, 3]}', UnfitInput, "flat list"),
        ("application/json", b"[[1, 2]]", UnfitInput, "row 0: expected a list of 3 values, got 2"),
        ("application/json", b"[[1, 2, 3], [1]]", UnfitInput, "row 1: expected a list of 3"),
        ("application/json", b'[[1, 2, "x"]]', UnfitInput, "row 0, column 2: .*number, got 'x'"),
        ("application/json", b'[[1, 2, "3"]]', UnfitInput, "row 0, column 2"),
        ("application/json", b"[[1, 2, null]]", UnfitInput, "column 2: expected a finite number"),
        ("application/json", b"[[1, 2, {}]]", UnfitInput, "got an object"),
        ("application/jsonl", b"[1, 2, 3]\n{oops", MalformedInput, "line 2 is not JSON"),
        ("text/csv", b"1,2\n", UnfitInput, "row 0: expected a list of 3 values, got 2"),
        ("text/csv", b"1,2,x\n", UnfitInput, "row 0, column 2: expected a number, got 'x'"),
        ("text/csv", b"1,2,nan\n", UnfitInput, "column 2: expected a finite number"),
        ("text/csv", b"1,2,\n", UnfitInput, "column 2: expected a finite number"),
        ("text/csv", b"1,2,inf\n", UnfitInput, "got inf"),
        ("text/csv", b"\xfe1", MalformedInput, "not UTF-8"),
        ("application/x-npy", b"\x93NUMPY\x01", MalformedInput, "npy"),
        ("application/x-npy", npy(np.ones((2, 4))), UnfitInput, r"shape: expected \(rows, 3\)"),
        (
            "application/x-npy",
            npy(np.ones(3)),
            UnfitInput,
            r"got numbers in one .*reshape\(-1, 1\)",
        ),
        ("application/x-npy", npy(np.array(["a"])), UnfitInput, "dtype"),
        ("application/x-npy", npy(np.array([[1j] * 3])), UnfitInput, "dtype"),
        ("application/xml", b"<x/>", UnsupportedType, "application/xml.*send application/json"),
    ],
)
def test_bad_input_is_refused_with_what_was_wrong(form, body, error, says):
    with pytest.raises(error, match=says):
        read(body, form)


@given(body=st.binary(max_size=200), form=st.sampled_from(media_types.FORMATS))
def test_random_bytes_are_rows_or_the_callers_error(body, form):
    try:
        rows = read(body, form)
    except CallerError:
        return
    assert rows.shape[1] == 3


def test_pickled_objects_in_npy_are_refused():
    out = io.BytesIO()
    np.save(out, np.array([{"a": 1}]), allow_pickle=True)
    with pytest.raises(UnfitInput, match="got object"):
        read(out.getvalue(), media_types.NPY)


def header(text: bytes) -> bytes:
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


@pytest.mark.parametrize(
    "body",
    [
        b"PK\x03\x04" + b"x" * 100,  # a .npz
        header(b"{'descr': '<f8', 'fortran_order': False, 'shape': (10000000000, 3), }"),
        header(b"{'descr': '<f8', 'fortran_order': False, 'shape': (1,"),
        header(b"{'descr': '<f8', 'fortran_order': False, 'shape': (-1, 3), }"),
        npy(np.ones((2, 3)))[:-1],
        npy(np.ones((2, 3))) + b"x",
    ],
)
def test_an_array_that_is_not_what_its_header_promises_is_malformed(body):
    with pytest.raises(MalformedInput):
        read(body, media_types.NPY)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["<f8", ">f8", "<f4", "<i4", "|b1", "<u8"])
def test_every_layout_of_numbers_is_read(order, dtype):
    rows = np.asarray([[1, 0, 1], [0, 1, 1]]).astype(dtype, order=order)
    np.testing.assert_array_equal(read(npy(rows), media_types.NPY), rows)


def test_one_long_text_does_not_take_memory_for_every_cell():
    body = orjson.dumps([["x" * 100_000, 1, 2]] + [[1, 2, 3]] * 5000)
    tracemalloc.start()
    try:
        with pytest.raises(UnfitInput, match="row 0, column 0"):
            read(body, "", max_rows=10_000)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 20 * 1024 * 1024


def test_one_row_past_the_limit_is_too_many():
    body = orjson.dumps([[1, 2, 3]] * 4)
    assert len(read(body, "", max_rows=4)) == 4
    with pytest.raises(InputTooLarge, match=r"4 rows, the limit is 3 \(MAX_ROWS\)"):
        read(body, "", max_rows=3)


@pytest.mark.parametrize(
    ("form", "body"),
    [("", b"[[1, null, 3]]"), ("text/csv", b"1,,3\n"), ("text/csv", b"1,NaN,3")],
)
def test_a_missing_value_passes_where_the_model_allows_it(form, body):
    assert np.isnan(read(body, form, MAYBE)[0, 1])


def test_columns_are_found_by_their_names_where_the_model_has_names():
    named = Schema(features=2, names=("a", "b"))
    assert read(b"b,x,a\n2,9,1\n", "text/csv", named).tolist() == [[1, 2]]
    with pytest.raises(UnfitInput, match="column 'b': expected present, got missing"):
        read(b"a,c\n1,2\n", "text/csv", named)


NAMED = Schema(features=2, names=("a", "b"))


@pytest.mark.parametrize(
    "body",
    [
        b'{"data": [[1, 2], [3, 4]]}',
        b'{"instances": [[1, 2], [3, 4]]}',
        b'{"inputs": [[1, 2], [3, 4]]}',
        b'{"columns": ["b", "a"], "data": [[2, 1], [4, 3]]}',
        b'{"columns": ["b", "x", "a"], "index": [0, 1], "data": [[2, 9, 1], [4, 9, 3]]}',
        b'[{"b": 2, "a": 1}, {"a": 3, "b": 4, "x": 9}]',
        b'{"instances": [{"b": 2, "a": 1}, {"a": 3, "b": 4}]}',
    ],
)
def test_every_shape_of_json_brings_the_same_rows(body):
    assert read(body, "", NAMED).tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    "body",
    [
        b'{"columns": [0, 1], "index": [0], "data": [[1, 2]]}',
        b'{"dataframe_split": {"columns": [0, 1], "data": [[1, 2]]}}',
    ],
)
def test_numbers_are_the_names_of_a_pandas_frame_without_names(body):
    assert read(body, "", Schema(features=2)).tolist() == [[1, 2]]
    assert read(body, "", Schema(features=2, names=("1", "0"))).tolist() == [[2, 1]]


def test_json_lines_may_be_lists_records_or_objects_with_data():
    body = b'[1, 2]\n{"data": [3, 4]}\n{"b": 6, "a": 5}\n'
    assert read(body, "application/jsonl", NAMED).tolist() == [[1, 2], [3, 4], [5, 6]]


def test_records_have_the_first_records_order_if_the_model_has_no_names():
    body = b'[{"q": 1, "p": 2}, {"p": 4, "q": 3}]'
    assert read(body, "", Schema(features=2)).tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b'[{"a": 1, "b": 2}, {"a": 1}]', "row 1, column 'b': expected present, got missing"),
        (b'{"columns": ["a"], "data": [[1]]}', "column 'b': expected present, got missing"),
        (b'{"columns": "ab", "data": [[1, 2]]}', "columns: expected a list of names"),
    ],
)
def test_a_column_that_is_missing_is_named(body, says):
    with pytest.raises(UnfitInput, match=says):
        read(body, "", NAMED)


@pytest.mark.parametrize(
    ("body", "form"),
    [
        (b'{"columns": ["b", "x", "a"], "data": [[2, 9, 1], %s]}', ""),
        (b"b,x,a\n2,9,1\n%s\n", "text/csv"),
    ],
)
@pytest.mark.parametrize("row", ["1,2", "1,2,3,4"])
def test_a_row_of_another_width_than_its_header_is_refused(body, form, row):
    told = row if form else f"[{row}]"
    count = len(row.split(","))
    with pytest.raises(UnfitInput, match=f"row 1: .* got {count} values under 3 columns"):
        read(body % told.encode(), form, NAMED)


def test_integers_too_big_for_a_float_stay_what_they_are():
    big = 2**53 + 1
    assert read(orjson.dumps([[big, 1, 2]]), "")[0, 0] == big


@pytest.mark.parametrize(
    ("content_type", "body", "form"),
    [
        ("", b"[[1]]", media_types.JSON),
        ("text/plain; charset=utf-8", b"[[1]]", media_types.JSON),
        ("application/octet-stream", npy(np.ones(1)), media_types.NPY),
        ("Text/CSV; header=present", b"", media_types.CSV),
        ("application/x-ndjson", b"", media_types.JSON_LINES),
    ],
)
def test_a_content_type_is_read_as_senders_write_it(content_type, body, form):
    assert media_types.format_of(content_type, body) == form


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("", media_types.JSON),
        ("*/*", media_types.JSON),
        ("text/html, */*;q=0.1", media_types.JSON),
        ("text/csv", media_types.CSV),
        ("application/json;q=0.5, text/csv", media_types.CSV),
        ("text/*", media_types.CSV),
        ("application/x-npy", media_types.NPY),
        ("application/x-ndjson", media_types.JSON_LINES),
    ],
)
def test_the_answer_comes_in_the_format_asked_for(accept, form):
    assert media_types.negotiate(accept) == form


@pytest.mark.parametrize("accept", ["image/png", "application/json;q=0"])
def test_an_unknown_answer_format_is_refused(accept):
    with pytest.raises(CallerError, match="accept one of application/json"):
        media_types.negotiate(accept)


@given(values=hnp.arrays(np.float64, st.tuples(st.integers(1, 4), st.integers(1, 3))))
def test_predictions_survive_every_answer_format(values):
    stored = json_codec.dumps(values)
    expected = np.where(np.isfinite(values), values, np.nan)
    lines = formats.encode(stored, media_types.JSON_LINES).splitlines()
    for got in (
        [[np.nan if cell is None else cell for cell in orjson.loads(line)] for line in lines],
        np.load(io.BytesIO(formats.encode(stored, media_types.NPY))),
    ):
        np.testing.assert_array_equal(np.array(got, dtype=float), expected)
    _, *table = csv.reader(io.StringIO(formats.encode(stored, media_types.CSV).decode()))
    cells = [[float(cell or "nan") for cell in line] for line in table]
    np.testing.assert_array_equal(cells, expected)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (np.float32(0.5), b"0.5"),
        (np.int64(3), b"3"),
        (np.array(["a", "b"]), b'["a","b"]'),
        (np.array([[1, 2]], dtype=np.uint8), b"[[1,2]]"),
        ({"a": np.bool_(1)}, b'{"a":true}'),
        (np.array([1.5, np.nan]), b"[1.5,null]"),
        (b"text", b'"text"'),
    ],
)
def test_numpy_values_are_encoded_once(value, text):
    assert json_codec.dumps(value) == text


@pytest.mark.parametrize("unit", ["ns", "us", "ms", "s", "m", "h", "D", "W", "M", "Y"])
def test_a_missing_moment_is_null_and_others_are_alike_in_every_unit_and_at_any_depth(unit):
    moments = np.array(["1970-01-01", "NaT"], f"datetime64[{unit}]")
    first = moments[0].astype("datetime64[s]").item().isoformat()  # weeks begin on Thursdays
    assert orjson.loads(json_codec.dumps(moments)) == [first, None]
    assert orjson.loads(json_codec.dumps({"a": [moments[1]], "b": 2**70})) == {
        "a": [None],
        "b": 2**70,
    }


def test_a_result_without_a_form_in_json_is_an_operator_error():
    with pytest.raises(ResultUnserialisable, match="not JSON serializable: object"):
        json_codec.dumps(object())
