"""The fast reader of JSON returns the same as the thorough one, or None."""

import json

import numpy as np
import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from inference.errors import CallerError
from inference.rows import coercion
from inference.rows.formats import dense_json, json_document
from inference.rows.numeric import EXACT_INTEGER
from inference.rows.schema import Schema

ANY = Schema()


def thoroughly(body: bytes) -> np.ndarray | None:
    """The result of the thorough reader; None if it refuses."""
    try:
        return coercion.coerce_rows(
            json_document.decode_cells(body, ANY), ANY, text=False
        ).numbers()
    except CallerError:
        return None


def check(body: bytes) -> None:
    quick = dense_json.read(body, features=None)
    if quick is None or not np.abs(quick).max() < EXACT_INTEGER:
        return
    expected = thoroughly(body)
    assert expected is not None
    assert (quick.dtype, quick.shape) == (expected.dtype, expected.shape)
    assert quick.tobytes() == expected.tobytes()  # bytes, because keys depend on the sign of zero


NUMBERS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-(2**70), 2**70),
    st.integers(-20, 20),
)
OTHERS = st.one_of(NUMBERS, st.none(), st.booleans(), st.text(alphabet="ab[]{},:", max_size=4))
ROWS = st.integers(1, 4).flatmap(
    lambda width: st.lists(st.lists(NUMBERS, min_size=width, max_size=width), min_size=1)
)
ANYTHING = st.recursive(
    OTHERS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["data", "instances", "columns", "a[", "x"]), inner, max_size=2
        )
    ),
    max_leaves=12,
)


def wrapped(rows: object, name: str | None) -> bytes:
    return json.dumps(rows if name is None else {name: rows}).encode()


NAMES = st.sampled_from([None, "data", "instances", "inputs", "other"])


@settings(max_examples=500)
@given(rows=ROWS, name=NAMES)
def test_rows_of_numbers_are_the_same_numbers(rows, name):
    check(wrapped(rows, name))


@settings(max_examples=1500)
@given(document=ANYTHING, name=NAMES)
@example(document=[[1, 2], [3, [4]]], name="data")
@example(document=["[x"], name=None)
@example(document=[{"a": [1]}], name=None)
@example(document=[1, [2, 3]], name=None)
def test_the_fast_and_the_thorough_reader_agree(document, name):
    check(wrapped(document, name))


@settings(max_examples=500)
@given(body=st.text(alphabet='[]{}",:0123456789.eE+- \ndat', min_size=1, max_size=40))
def test_the_fast_reader_accepts_no_text_that_the_thorough_one_refuses(body):
    check(body.encode())


@pytest.mark.parametrize(
    "body",
    [
        b'{"data": [[1, 2], [3, 4]]}',
        b" [[1, 2], [3, 4.0]]",
        b'{"inputs": [[-0, -0.0], [1e3, 5e-324]]}',
    ],
)
def test_plain_rows_are_read(body):
    quick = dense_json.read(body, features=2)
    assert quick is not None
    assert quick.tobytes() == thoroughly(body).tobytes()


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"[[]]",
        b"[[1], [2, 3]]",
        b"[[1, null]]",
        b"[[1, true]]",
        b'[["1"]]',
        b"[[1]] x",
        b"[[1e400]]",
        b"\xef\xbb\xbf[[1]]",
        b'{"data": [[1]], "data": [[2]]}',
        b'{"data": [[1]], "columns": ["a"]}',
        b"[[1, 2]]",
    ],
)
def test_other_bodies_are_left_to_the_thorough_reader(body):
    assert dense_json.read(body, features=1) is None


def test_an_array_is_unchanged_by_the_next_body():
    kept = dense_json.read(b"[[1, 2, 3]]", features=None)
    for _ in range(100):
        dense_json.read(orjson.dumps([[9.0] * 500]), features=None)
    assert kept.tolist() == [[1, 2, 3]]
