from __future__ import annotations

import array
import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache.keys import prediction_key, result_key

PARTS: dict[str, Any] = {
    "model": b"m" * 32,
    "script": b"s" * 32,
    "method": "predict",
    "parameters": "",
    "dtype": "<f8",
    "shape": (2, 3),
    "data": b"\0" * 48,
}

parts = st.fixed_dictionaries(
    {
        "model": st.binary(max_size=4),
        "script": st.binary(max_size=4),
        "method": st.text(max_size=4),
        "parameters": st.text(max_size=4),
        "dtype": st.text(max_size=4),
        "shape": st.lists(st.integers(0, 99), max_size=3).map(tuple),
        "data": st.binary(max_size=4),
    }
)


def test_equal_parts_give_equal_keys():
    assert prediction_key(**PARTS) == prediction_key(**PARTS)


@given(parts, parts, st.sets(st.sampled_from(sorted(PARTS))))
def test_keys_are_equal_exactly_where_all_parts_agree(one, replacement, replaced):
    other = {**one, **{part: replacement[part] for part in replaced}}
    assert (prediction_key(**one) == prediction_key(**other)) == (one == other)


@pytest.mark.parametrize(
    ("part", "other"),
    [
        # MLServer keys by payload alone: two models share answers.
        ("model", b"n" * 32),
        ("script", b"t" * 32),
        ("method", "predict_proba"),
        ("parameters", '{"threshold":0.5}'),
        # Triton leaves out the data type ...
        ("dtype", "<i8"),
        # ... and the shape.
        ("shape", (3, 2)),
        ("shape", (6,)),
        ("data", b"\0" * 47 + b"\1"),
    ],
)
def test_a_change_of_any_part_changes_the_key(part, other):
    assert prediction_key(**{**PARTS, part: other}) != prediction_key(**PARTS)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"model": b"ab", "script": b"c"}, {"model": b"a", "script": b"bc"}),
        ({"method": "ab", "parameters": ""}, {"method": "a", "parameters": "b"}),
        ({"parameters": "a", "dtype": ""}, {"parameters": "", "dtype": "a"}),
        ({"shape": (12,)}, {"shape": (1, 2)}),
        ({"shape": ()}, {"shape": (0,)}),
        ({"dtype": "1", "shape": (2,)}, {"dtype": "", "shape": (12,)}),
    ],
)
def test_parts_that_concatenate_alike_give_different_keys(one, other):
    assert prediction_key(**{**PARTS, **one}) != prediction_key(**{**PARTS, **other})


@pytest.mark.parametrize(
    "buffer",
    [
        bytes(48),
        bytearray(48),
        memoryview(bytes(48)),
        array.array("d", [0.0] * 6),
        np.zeros((2, 3)),
        memoryview(np.zeros((2, 3))),
    ],
    ids=lambda buffer: type(buffer).__name__,
)
def test_any_buffer_of_the_same_bytes_gives_the_same_key(buffer):
    assert prediction_key(**{**PARTS, "data": buffer}) == prediction_key(**PARTS)


def test_a_buffer_with_gaps_is_refused():
    with pytest.raises(BufferError):
        prediction_key(**{**PARTS, "data": np.zeros((4, 4))[:, ::2]})


def test_the_data_are_not_copied():
    data = memoryview(bytearray(8 * 1024 * 1024))
    tracemalloc.start()
    try:
        prediction_key(**{**PARTS, "data": data})
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 64 * 1024


@given(st.text())
def test_a_result_key_holds_no_odd_characters(request_id):
    key = result_key(request_id)
    assert key.isascii()
    assert key.isprintable()
    assert " " not in key
    assert len(key) == len("triscore:r:1:") + 64


@given(st.text(), st.text())
def test_result_keys_are_equal_exactly_where_ids_are(one, other):
    assert (result_key(one) == result_key(other)) == (one == other)


def test_an_id_that_was_no_utf8_has_a_key():
    assert result_key(b"caf\xe9".decode("utf-8", "surrogateescape")).startswith("triscore:r:1:")


def test_the_layout_is_the_documented_one():
    """Changing a key without changing VERSION would serve old answers to new questions."""
    assert (
        prediction_key(**PARTS)
        == "triscore:p:1:ef90c94f27d0280635a71b61fef63f99b19d975b701cb5164bfb0a364fc461b0"
    )
    assert (
        result_key("request-1")
        == "triscore:r:1:874acc669665de5d77016ef9260bc85b57925adb7beee70aafd3934525a2d85b"
    )
