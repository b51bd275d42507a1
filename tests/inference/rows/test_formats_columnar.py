"""Parquet and Arrow streams: columns by name, every type, and never more memory than allowed."""

import io
import os
import struct
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from inference.errors import (
    CallerError,
    InputTooLarge,
    MalformedInput,
    UnacceptableAnswer,
    UnfitInput,
)
from inference.limits import Limits
from inference.rows import coercion, formats, media_types
from inference.rows.formats import parquet_layout
from inference.rows.schema import TEXTS, Column, Schema, frame_schema
from tests import bodies
from tests.schemas import frame

NAMED = Schema(features=2, names=("a", "b"))
FRAME = frame(("n", "t", "m"), ("number", "text", "boolean"), missing=True)
FORM = pytest.mark.parametrize("form", media_types.COLUMNAR)
MB = 1_000_000


def read(body: bytes, form: str, schema: Schema = NAMED, max_rows=10_000, max_bytes=100 * MB):
    return formats.decode(body, form, schema, limits=Limits(max_bytes, max_rows)).require_valid()


@FORM
def test_columns_are_found_by_their_names_and_others_left_alone(form):
    table = pa.table({"b": [2, 4], "x": [["nested"], []], "a": [1.5, 3.0]})
    assert read(bodies.of_table(form, table), form).tolist() == [[1.5, 2.0], [3.0, 4.0]]


@FORM
def test_a_model_without_names_takes_columns_as_they_come(form):
    table = pa.table({"b": [2, 4], "a": [1, 3]})
    values = read(bodies.of_table(form, table), form, Schema(features=2))
    assert values.tolist() == [[2, 1], [4, 3]]


@FORM
@pytest.mark.parametrize("name", ["__index_level_0__", "Unnamed: 0", ""])
def test_the_index_of_a_pandas_frame_is_no_column(form, name):
    body = bodies.of_table(form, pa.table({name: ["x", "y"], "a": [1, 2], "b": [3, 4]}))
    for schema in (NAMED, Schema(features=2), Schema()):
        assert read(body, form, schema).tolist() == [[1, 3], [2, 4]]


@FORM
@pytest.mark.parametrize(
    "column",
    [
        pa.array([1, 0], kind)
        for kind in (pa.int8(), pa.uint16(), pa.int64(), pa.float32(), pa.float64(), pa.float16())
    ]
    + [pa.array([True, False]), pa.array([1.0, 0.0]).dictionary_encode()],
    ids=str,
)
def test_every_type_of_number_is_read(form, column):
    table = pa.table({"a": column, "b": column})
    values = read(bodies.of_table(form, table), form)
    assert values.dtype == np.float64
    assert values.tolist() == [[1, 1], [0, 0]]


@FORM
def test_big_integers_keep_their_digits_where_training_had_integers(form):
    table = pa.table({"a": [2**53 + 1], "b": [2**53 + 1]})
    array = replace(NAMED, dtype="int64")
    assert read(bodies.of_table(form, table), form, array).tolist() == [[2**53 + 1] * 2]
    one = frame(("a",), ("integer",))
    assert read(bodies.of_table(form, table), form, one).tolist() == [[2**53 + 1]]


@FORM
@pytest.mark.parametrize("beside", [pa.array([3.0, 4.0]), pa.array([3, 4], pa.int8())], ids=str)
def test_big_integers_keep_their_digits_beside_columns_of_another_type(form, beside):
    table = pa.table({"a": [2**53 + 1, 2], "b": beside})
    rows = read(bodies.of_table(form, table), form, replace(NAMED, dtype="int64"))
    assert rows.tolist() == [[2**53 + 1, 3], [2, 4]]


@FORM
def test_a_missing_cell_takes_no_digits_from_the_integers_of_other_rows(form):
    table = pa.table({"a": [2**53 + 1, None], "b": [1, 2]})
    body = bodies.of_table(form, table)
    found = formats.decode(
        body, form, replace(NAMED, dtype="int64"), limits=Limits(100 * MB, 10_000)
    )
    assert found.values.tolist() == [[2**53 + 1, 1]]
    assert "row 1, column 0: expected a whole number" in str(found.errors[1])
    floats = read(body, form, replace(NAMED, allows_missing=True))
    assert floats[0].tolist() == [2.0**53, 1.0]
    assert np.isnan(floats[1, 0])


@FORM
def test_null_and_nan_are_missing_cells(form):
    table = pa.table({"a": [None, 1.0], "b": [float("nan"), 2.0]})
    body = bodies.of_table(form, table)
    with pytest.raises(UnfitInput, match="row 0, column 0: expected a finite number, got nothing"):
        read(body, form)
    maybe = Schema(features=2, names=("a", "b"), allows_missing=True)
    assert np.isnan(read(body, form, maybe)).tolist() == [[True, True], [False, False]]
    nothing = pa.table({"a": pa.nulls(2), "b": [1, 2]})
    assert np.isnan(read(bodies.of_table(form, nothing), form, maybe)[:, 0]).all()


@FORM
@pytest.mark.parametrize(
    "text",
    [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())],
)
def test_a_frame_is_read_with_texts_booleans_and_missing_cells(form, text):
    texts = pa.array(["x", None, "x"]).dictionary_encode().cast(pa.string()).cast(text)
    table = pa.table({"m": [True, None, False], "t": texts, "n": [1, 2, None]})
    values = read(bodies.of_table(form, table), form, FRAME)
    cells = coercion.json_cells(values, FRAME)
    assert cells == [[1, "x", True], [2, None, None], [None, "x", False]]


@FORM
def test_texts_are_read_from_the_column_of_that_name(form):
    table = pa.table({"id": [1, 2], "text": ["good", ""]})
    assert read(bodies.of_table(form, table), form, TEXTS).tolist() == [["good"], [""]]


DECIMALS = [pa.decimal32(9, 3), pa.decimal64(18, 3), pa.decimal128(38, 3), pa.decimal256(76, 3)]


@FORM
@pytest.mark.parametrize("kind", DECIMALS, ids=str)
@pytest.mark.parametrize("many", [1, 5_000])
def test_decimals_are_the_numbers_nearest_to_them(form, kind, many):
    texts = ["0.100", "-12345.678", "3.000", "99999.999"] * many
    column = pa.array(list(map(Decimal, texts)), kind)
    table = pa.table({"a": column, "b": pa.array(texts).cast(pa.float64())})
    typed = frame_schema([Column("a"), Column("b")])
    body = bodies.of_table(form, table)
    assert read(body, form, max_rows=10**5).tolist() == [[float(text)] * 2 for text in texts]
    found = read(body, form, typed, max_rows=10**5)
    assert found.columns[0].tolist() == list(map(float, texts))


@FORM
def test_whole_decimals_are_integers_to_the_last_digit(form):
    large = 2**62 + 1
    whole = pa.array([Decimal(3), None, Decimal(large)], pa.decimal128(38, 2))
    typed = frame_schema([Column("a", "integer", missing=True, dtype="Int64")])
    found = read(bodies.of_table(form, pa.table({"a": whole})), form, typed)
    assert found.columns[0]["value"].tolist() == [3, 0, large]
    array = Schema(features=1, dtype="int64")
    table = pa.table({"a": whole.drop_null()})
    assert read(bodies.of_table(form, table), form, array).tolist() == [[3], [large]]


@FORM
def test_a_decimal_that_is_not_whole_is_that_rows_error_in_a_column_of_integers(form):
    table = pa.table({"a": pa.array([Decimal(3), Decimal("3.5")], pa.decimal128(5, 2))})
    for schema in (Schema(features=1, dtype="int64"), frame_schema([Column("a", "integer")])):
        with pytest.raises(UnfitInput, match=r"row 1, column .*whole number.*, got 3.5"):
            read(bodies.of_table(form, table), form, schema)


@FORM
@pytest.mark.parametrize(
    ("table", "schema", "says"),
    [
        ({"a": [1]}, NAMED, "column 'b': expected present, got missing"),
        ({"a": ["x"], "b": [1]}, NAMED, "column 'a': expected numbers.*, got string"),
        ({"a": [[1]], "b": [1]}, NAMED, "column 'a': expected numbers.*, got list"),
        ({"a": [{"x": 1}], "b": [1]}, NAMED, "column 'a': .*, got struct"),
        ({"a": pa.array([0], pa.date32()), "b": [1]}, NAMED, "column 'a': .*, got date32"),
        ({"a": pa.array([1], pa.time64("us")), "b": [1]}, NAMED, "got time64"),
        ({"n": [1], "t": pa.array([1], pa.decimal128(5, 2)), "m": [True]}, FRAME, "got decimal128"),
        ({"a": [b"x"], "b": [1]}, NAMED, "column 'a': .*, got binary"),
        ({"a": [1], "b": [float("inf")]}, NAMED, "row 0, column 1: .*, got inf"),
        ({"a": [1], "b": [2], "c": [3]}, Schema(features=2), "columns: expected 2, got 3"),
        ({"n": [1], "t": [1], "m": [True]}, FRAME, "row 0, column 't': expected a text, got 1"),
        ({"n": [True], "t": ["x"], "m": [True]}, FRAME, "row 0, column 'n': expected a number"),
        ({"n": [1], "t": [["x"]], "m": [True]}, FRAME, "column 't': .*, got list"),
        ({"text": [None, "x"]}, TEXTS, "row 0, column 'text': expected a text, got null"),
    ],
)
def test_a_column_that_does_not_fit_is_named(form, table, schema, says):
    with pytest.raises(UnfitInput, match=says):
        read(bodies.of_table(form, pa.table(table)), form, schema)


@FORM
def test_a_name_that_stands_twice_is_refused(form):
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2]), pa.array([3])], ["a", "a", "b"])
    for schema in (NAMED, Schema(features=3)):
        with pytest.raises(UnfitInput, match="column 'a': expected once, got twice"):
            read(bodies.of_table(form, table), form, schema)


@pytest.mark.parametrize(
    ("form", "body"),
    [
        (media_types.PARQUET, b"PAR1" + bytes(30) + b"PAR1"),
        (media_types.PARQUET, bodies.parquet(pa.table({"a": [1], "b": [2]}))[:-9]),
        (media_types.ARROW, b"\xff\xff\xff\xff"),
        (media_types.ARROW, b"\xff\xff\xff\xff\x08\x00\x00\x00" + bytes(8)),
        (media_types.ARROW, bodies.arrow(pa.table({"a": [1], "b": [2]}))[:-30]),
        (media_types.ARROW, b"ARROW1\x00\x00" + bytes(100)),
    ],
    ids=["no footer", "half a footer", "half a mark", "no message", "half a body", "a file"],
)
def test_a_truncated_or_other_body_is_malformed(form, body):
    with pytest.raises(MalformedInput):
        read(body, form)


@FORM
def test_one_row_past_the_limit_is_too_many(form):
    body = bodies.of_table(form, pa.table({"a": range(5), "b": range(5)}))
    assert len(read(body, form, max_rows=5)) == 5
    with pytest.raises(InputTooLarge, match=r"5 rows, the limit is 4 \(MAX_ROWS\)"):
        read(body, form, max_rows=4)


LONG = pa.table({"text": ["x" * 20_000] * 1000})
ONE_LONG = pa.table({"text": pa.array(["x" * 20_000]).dictionary_encode()})
INDEX = pa.DictionaryArray.from_arrays(pa.array([0] * 1000, pa.int8()), pa.array(["x" * 20_000]))
# Each view: its length, the text's beginning, which buffer holds the text, and where in it.
VIEWS = pa.Array.from_buffers(
    pa.string_view(),
    1000,
    [
        None,
        pa.py_buffer(struct.pack("<i4sii", 20_000, b"xxxx", 0, 0) * 1000),
        pa.py_buffer(b"x" * 20_000),
    ],
)
ZEROS = pa.table({name: np.zeros(MB) for name in ("a", "b")})
BOMBS = {
    "texts in a dictionary": (media_types.PARQUET, bodies.parquet(LONG), TEXTS),
    "texts in packed pages": (
        media_types.PARQUET,
        bodies.parquet(LONG, use_dictionary=False, compression="zstd"),
        TEXTS,
    ),
    "texts in packed pages of the second version": (
        media_types.PARQUET,
        bodies.parquet(LONG, use_dictionary=False, compression="gzip", data_page_version="2.0"),
        TEXTS,
    ),
    "texts that begin alike": (
        media_types.PARQUET,
        bodies.parquet(LONG, use_dictionary=False, column_encoding={"text": "DELTA_BYTE_ARRAY"}),
        TEXTS,
    ),
    "numbers that repeat": (media_types.PARQUET, bodies.parquet(ZEROS), NAMED),
    "numbers in packed pages": (
        media_types.PARQUET,
        bodies.parquet(ZEROS, use_dictionary=False, compression="zstd"),
        Schema(features=2, names=("a", "b")),
    ),
    "packed buffers": (media_types.ARROW, bodies.arrow(LONG, compression="zstd"), TEXTS),
    "a dictionary": (media_types.ARROW, bodies.arrow(pa.table({"text": INDEX})), TEXTS),
    "a packed dictionary": (
        media_types.ARROW,
        bodies.arrow(pa.table({"text": INDEX}), compression="lz4"),
        TEXTS,
    ),
    "views of one text": (media_types.ARROW, bodies.arrow(pa.table({"text": VIEWS})), TEXTS),
}


@FORM
@pytest.mark.parametrize("schema", [Schema(), NAMED, FRAME])
def test_a_table_without_rows_has_no_predictions(form, schema):
    table = pa.table({name: pa.array([], pa.float64()) for name in ("a", "b", "n", "t", "m")})
    assert len(read(bodies.of_table(form, table), form, schema)) == 0


@pytest.fixture
def pool():
    """The memory that pyarrow allocates from here on."""
    with bodies.counted_memory() as counted:
        yield counted


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_small_body_that_unpacks_to_much_is_refused_before_it_does(bomb, pool):
    form, body, schema = BOMBS[bomb]
    assert len(body) < MB
    with pytest.raises(CallerError) as caught:
        read(body, form, schema, max_rows=2 * MB, max_bytes=2 * MB)
    assert isinstance(caught.value, InputTooLarge) or "DELTA_BYTE_ARRAY" in str(caught.value)
    assert pool.max_memory() < 8 * MB


def test_a_page_larger_than_its_footer_says_is_refused():
    body = bodies.parquet(ZEROS.slice(0, 1000), use_dictionary=False, compression="zstd")
    file = pa.BufferReader(body)
    (group,) = parquet_layout.groups(parquet_layout.read_footer(file))
    claimed = parquet_layout.unpacked(file, group.chunks[0], "a").size
    # Its second field: the size when unpacked, twice, as a varint.
    told, lie = _varint(claimed * 2), _varint(8191 * 2)
    start = group.chunks[0].start
    assert body[start:].startswith(b"\x15\x00\x15" + told)
    lying = body[:start] + body[start:].replace(told, lie, 1)
    with pytest.raises(InputTooLarge, match="8,191 unpacked bytes"):
        read(lying, media_types.PARQUET, Schema(features=1, names=("a",)), max_bytes=8190)


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


@pytest.mark.parametrize("compression", ["none", "snappy", "gzip", "zstd", "lz4", "brotli"])
@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("dictionary", [True, False])
def test_every_layout_of_pages_is_measured(compression, version, dictionary):
    rows = np.random.default_rng(0).integers(0, 9, (3000, 2)).astype(float)
    table = pa.table({"a": rows[:, 0], "b": rows[:, 1]})
    body = bodies.parquet(
        table,
        compression=compression,
        data_page_version=version,
        use_dictionary=dictionary,
        row_group_size=1000,
        data_page_size=500,
        write_batch_size=100,
    )
    assert read(body, media_types.PARQUET).tolist() == rows.tolist()
    metadata = pq.read_metadata(io.BytesIO(body))
    file = pa.BufferReader(body)
    groups = parquet_layout.groups(parquet_layout.read_footer(file))
    assert [group.rows for group in groups] == [1000] * 3
    for number, group in enumerate(groups):
        chunk = metadata.row_group(number).column(0)
        size = parquet_layout.unpacked(file, group.chunks[0], "a").size
        headers = chunk.total_uncompressed_size - size
        assert 0 < headers < chunk.total_uncompressed_size


@FORM
@pytest.mark.parametrize(
    ("stored", "column"),
    [
        (b"[1,2]", [1, 2]),
        (b"[0.5,null]", [0.5, None]),
        (b'["a","b"]', ["a", "b"]),
        (b"[[0.5,1.0],[null,2.0]]", [[0.5, 1.0], [None, 2.0]]),
        (b"[[[0.5],[1.0,2.0]]]", [[[0.5], [1.0, 2.0]]]),
        (b"[18446744073709551615]", [2**64 - 1]),
        (b"[[9223372036854775808,1]]", [[2**63, 1]]),
    ],
)
def test_predictions_are_a_column(form, stored, column):
    body = formats.encode(stored, form)
    assert bodies.read_table(form, body).to_pydict() == {"prediction": column}


@FORM
def test_predictions_of_several_types_are_refused(form):
    with pytest.raises(UnacceptableAnswer, match="accept one of application/json"):
        formats.encode(b'[1,"a"]', form)


NO_EXTRAS = """
import asyncio, pathlib, sys, tempfile

class Bare:
    def find_spec(self, name, path=None, target=None):
        if name in ("pandas", "pyarrow"):
            asked.append(name)
            raise ModuleNotFoundError(name=name)

asked = []
sys.meta_path.insert(0, Bare())
from cache import keys
from cache.memory_cache import MemoryCache
from inference.rows import media_types
from inference.request import Request
from inference.serving.scorer import Scorer
from inference.settings import InferenceSettings
from tests import small_model

async def main():
    with tempfile.TemporaryDirectory() as folder:
        model = small_model.save(pathlib.Path(folder))
        settings = InferenceSettings(model_dir=model)
        scorer = Scorer(settings, MemoryCache(), keys)
        for kind, body in (("", b"[[1, 1, 1]]"), ("text/csv", b"1,1,1")):
            request = Request(id="1", source="http", body=body, content_type=kind)
            print((await scorer.score(request)).body)
        await scorer.close()

asyncio.run(main())
print("pyarrow" in asked)
"""


def test_scoring_numbers_never_tries_to_import_pandas_or_pyarrow():
    told = subprocess.run(
        [sys.executable, "-c", NO_EXTRAS],
        cwd=Path(__file__).resolve().parents[3],
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert told.stdout.split("\n") == ["b'[1]'", "b'[1]'", "False", ""]
