"""A body counts as no less memory than reading it takes, however many cells its bytes hold."""

import gzip
import io
import tracemalloc

import numpy as np
import pytest

from inference.errors import CallerError
from inference.limits import Limits
from inference.models.inputs import input_function
from inference.rows import decompression, formats, media_types
from inference.rows.body_memory import Extent, extent_of, measure, memory_of
from inference.rows.schema import Column, Schema

#: It traces every allocation, which takes 18 s.
pytestmark = pytest.mark.long

LIMITS = Limits(10**9, 10**6)
WIDTH, ROWS = 10, 40_000
NAMES = tuple(f"c{index}" for index in range(WIDTH))
NUMBERS = Schema(features=WIDTH, allows_missing=True)
ONE = Schema(features=1, allows_missing=True)
UNKNOWN = Schema(allows_missing=True)
TEXTS = Schema(kind="texts", features=1, names=("text",), columns=(Column("text", "text"),))


def frame(kind):
    columns = tuple(Column(name, kind, missing=True) for name in NAMES)
    return Schema(kind="frame", features=WIDTH, names=NAMES, columns=columns, allows_missing=True)


def as_csv(cell, width=WIDTH):
    return (",".join([cell] * width) + "\n").encode() * (ROWS * WIDTH // width)


def as_lists(cell, width=WIDTH):
    row = ("[" + ",".join([cell] * width) + "]").encode()
    return b"[" + b",".join([row] * (ROWS * WIDTH // width)) + b"]"


def with_header(body):
    return ",".join(NAMES).encode() + b"\n" + body


RECORDS = (
    b"["
    + b",".join(["{{{}}}".format(",".join(f'"{name}":1' for name in NAMES)).encode()] * ROWS)
    + b"]"
)
#: A part of up to 8,000 lines is read into Python objects, whatever the body's size.
PART_BYTES = 4_000_000
CSV, JSON, JSON_LINES = media_types.CSV, media_types.JSON, media_types.JSON_LINES
NPY = media_types.NPY


def taken(body, form, schema):
    """The most memory while a body is read, and the copy of its numbers that a model gets that may
    write into them is made.
    """
    tracemalloc.start()
    try:
        rows = formats.decode(body, form, schema, limits=LIMITS).require_valid()
        if schema.kind == "array":
            input_function(schema, copy=True)(rows)
    except CallerError:
        pass
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    return peak


@pytest.mark.parametrize(
    ("body", "form", "schema"),
    [
        (as_csv(""), CSV, NUMBERS),
        (as_csv("1"), CSV, NUMBERS),
        (as_csv("1", 1), CSV, ONE),
        (with_header(as_csv("")), CSV, frame("text")),
        (with_header(as_csv("a")), CSV, frame("text")),
        (with_header(as_csv("a" * 16)), CSV, frame("text")),
        (with_header(as_csv("1")), CSV, frame("number")),
        (b"text\n" + as_csv("a", 1), CSV, TEXTS),
        (as_lists("1"), JSON, UNKNOWN),
        (as_lists("1", 1), JSON, ONE),
        (as_lists('""'), JSON, frame("text")),
        (as_lists("1"), JSON, frame("integer")),
        (b'["' + b'","'.join([b"a"] * ROWS * WIDTH) + b'"]', JSON, TEXTS),
        (RECORDS, JSON, frame("number")),
        (as_lists("1")[1:-1].replace(b"],[", b"]\n["), JSON_LINES, NUMBERS),
    ],
    ids=lambda each: "" if isinstance(each, Schema) else str(each[:30]),
)
def test_no_text_takes_more_memory_than_it_counts_as(body, form, schema):
    peak = taken(body, form, schema)
    counted = memory_of(extent_of(body, form), schema, LIMITS)
    assert peak <= counted + PART_BYTES
    assert counted <= 25 * len(body)


def test_rows_beyond_the_limit_do_not_count():
    body = b"{}\n" * ROWS
    few = Limits(10**9, 10)
    counted = memory_of(extent_of(body, JSON_LINES), frame("number"), few)
    assert counted == 7 * len(body)


def test_a_compressed_body_counts_as_what_it_unpacks_to():
    body = as_csv("") * 40
    pieces = decompression.pieces(gzip.compress(body), "gzip", limits=LIMITS)
    assert measure(pieces, CSV) == extent_of(body, CSV)
    assert measure([b"a,", b"b\nc,d\n"], CSV) == Extent(8, 2, 2)


def npy(dtype):
    file = io.BytesIO()
    np.save(file, np.ones((ROWS, WIDTH), dtype))
    return file.getvalue()


@pytest.mark.parametrize("schema", [NUMBERS, frame("number")], ids=["array", "frame"])
@pytest.mark.parametrize("dtype", ["int8", "float16", "float32", "float64"])
def test_a_file_of_numbers_counts_by_its_cells_whatever_their_size(dtype, schema):
    assert taken(npy(dtype), NPY, schema) <= memory_of(extent_of(npy(dtype), NPY), schema, LIMITS)


def test_a_file_that_is_no_array_counts_by_its_bytes():
    assert extent_of(b",\n[" * 9, NPY) == Extent(27)
