"""The fast reader of JSON returns the same as the thorough one, or None."""

import json

import numpy as np
import orjson
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from inference.errors import CallerError
from inference.limits import Limits
from inference.rows import coercion
from inference.rows.formats import dense_json, json_document
from inference.rows.numeric import EXACT_INTEGER
from inference.rows.schema import Schema

ANY = Schema()
LIMITS = Limits(body_bytes=1024, rows=100)
#: The fixture `piece_bytes` holds for all bodies of a property.
SHORT_PIECES = [HealthCheck.function_scoped_fixture]


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


@pytest.fixture(params=[6, 40])
def piece_bytes(monkeypatch, request):
    """Pieces of a body are so short that most bodies have several."""
    monkeypatch.setattr(dense_json, "_PIECE_BYTES", request.param)


def check_long(body: bytes) -> None:
    quick = json_document.decode_long(body, ANY, LIMITS)
    if quick is None:
        return
    expected = thoroughly(body)
    assert expected is not None
    assert quick.numbers().shape == expected.shape
    assert quick.numbers().tobytes() == expected.tobytes()


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


@pytest.mark.usefixtures("piece_bytes")
@settings(max_examples=200, suppress_health_check=SHORT_PIECES)
@given(rows=ROWS, name=NAMES, indent=st.sampled_from([None, 1]))
def test_a_body_in_pieces_is_the_same_numbers(rows, name, indent):
    check_long(json.dumps(rows if name is None else {name: rows}, indent=indent).encode())


@pytest.mark.usefixtures("piece_bytes")
@settings(max_examples=300, suppress_health_check=SHORT_PIECES)
@given(document=ANYTHING, name=NAMES)
@example(document=[[1, 2], [3, [4]]], name="data")
@example(document=[[1], [2, 3], [4]], name="data")
@example(document=[["],[1"], [2]], name=None)
def test_pieces_and_the_thorough_reader_agree(document, name):
    check_long(wrapped(document, name))


@pytest.mark.usefixtures("piece_bytes")
@settings(max_examples=300, suppress_health_check=SHORT_PIECES)
@given(body=st.text(alphabet='[]{}",:0123456789.eE+- \ndat', min_size=1, max_size=60))
@example(body="[[1],[2],]")
@example(body="[[1],,[2]]")
@example(body="[[1],[2]")
@example(body='{"data": [[1], [2]]')
@example(body="[[1], [2]]}")
@example(body="[[1], [2]] ]")
@example(body="[[1], [2]], [3]")
def test_pieces_accept_no_text_that_the_thorough_reader_refuses(body):
    check_long(body.encode())


@pytest.mark.usefixtures("piece_bytes")
@pytest.mark.parametrize("text", ['{"data": %s}', " %s\n", '{ "inputs" : %s } '])
def test_many_plain_rows_are_read_in_pieces(text):
    rows = [[at, at / 8] for at in range(50)]
    body = (text % json.dumps(rows)).encode()
    assert json_document.decode_long(body, ANY, LIMITS).numbers().tolist() == rows


def test_a_long_body_with_more_rows_than_the_limit_is_left_to_the_thorough_reader():
    body = json.dumps([[1]] * 101).encode()
    assert json_document.decode_long(body, ANY, LIMITS) is None


def test_a_row_that_no_piece_may_hold_is_left_to_the_thorough_reader(monkeypatch):
    monkeypatch.setattr(dense_json, "_PIECE_BYTES", 10)
    assert json_document.decode_long(b"[[1], [2], [1234567, 1234567, 1]]", ANY, LIMITS) is None
