from __future__ import annotations

import array
import random
import tracemalloc
from collections.abc import Iterator
from hashlib import blake2b
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cache.keys import lease_key, prediction_key, result_key, row_keys

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


def row_key(**parts: Any) -> str:
    """The name of a row that came alone."""
    data = parts.pop("data")
    (key,) = row_keys(**parts, rows=[data])
    return key


@pytest.fixture(params=[prediction_key, row_key])
def name(request):
    return request.param


def test_equal_parts_give_equal_keys(name):
    assert name(**PARTS) == name(**PARTS)


alike = (parts, parts, st.sets(st.sampled_from(sorted(PARTS))))


def are_named_apart(one, replacement, replaced) -> None:
    other = {**one, **{part: replacement[part] for part in replaced}}
    for name in (prediction_key, row_key):
        assert (name(**one) == name(**other)) == (one == other)


@settings(max_examples=300)
@given(*alike)
def test_keys_are_equal_only_if_all_parts_are_equal(one, replacement, replaced):
    are_named_apart(one, replacement, replaced)


@pytest.mark.long
@settings(max_examples=5_000)
@given(*alike)
def test_keys_are_equal_only_if_all_parts_are_equal_at_length(one, replacement, replaced):
    are_named_apart(one, replacement, replaced)


def questions(count: int) -> Iterator[dict[str, Any]]:
    """Questions of few words, so that parts agree and concatenate alike as often as can be."""
    draw = random.Random(count)
    texts = ["", "a", "b", "ab", "1", "2", "1,2", "a\0"]
    shapes = [(), (1,), (2,), (12,), (1, 2), (2, 1), (1, 1, 2)]
    for _ in range(count):
        yield {
            "model": draw.choice(texts).encode(),
            "script": draw.choice(texts).encode(),
            "method": draw.choice(texts),
            "parameters": draw.choice(texts),
            "dtype": draw.choice(texts),
            "shape": draw.choice(shapes),
            "data": draw.choice(texts).encode(),
        }


def no_two_of(count: int) -> None:
    named: dict[str, dict[str, Any]] = {}
    for question in questions(count):
        for name in (prediction_key, row_key):
            assert named.setdefault(name(**question), question) == question
    assert len(named) > count


def test_no_two_of_thousands_of_requests_share_a_key():
    no_two_of(20_000)


@pytest.mark.long
def test_no_two_of_hundreds_of_thousands_of_requests_share_a_key():
    no_two_of(700_000)


@pytest.mark.parametrize(
    ("part", "other"),
    [
        ("script", b"t" * 32),
        ("method", "predict_proba"),
        ("parameters", '{"threshold":0.5}'),
        ("dtype", "<i8"),
        ("data", b"\0" * 47 + b"\1"),
    ],
)
def test_a_change_of_any_part_changes_the_key(name, part, other):
    assert name(**{**PARTS, part: other}) != name(**PARTS)


def test_two_models_share_no_answer_although_mlserver_keys_by_the_payload_alone(name):
    assert name(**{**PARTS, "model": b"n" * 32}) != name(**PARTS)


@pytest.mark.parametrize("shape", [(3, 2), (6,), (1, 6), (6, 1), (2, 3, 1)])
def test_two_shapes_share_no_answer_although_triton_leaves_the_shape_out(name, shape):
    assert name(**{**PARTS, "shape": shape}) != name(**PARTS)


def test_a_row_and_a_request_of_the_same_bytes_have_different_keys():
    assert row_key(**PARTS) != prediction_key(**PARTS)


@given(st.lists(st.binary(max_size=9), max_size=9), st.data())
def test_the_key_of_a_row_does_not_depend_on_other_rows(rows, data):
    around = {part: value for part, value in PARTS.items() if part != "data"}
    alone = [row_key(**around, data=row) for row in rows]
    assert row_keys(**around, rows=rows) == alone
    order = data.draw(st.permutations(range(len(rows))))
    assert row_keys(**around, rows=[rows[n] for n in order]) == [alone[n] for n in order]


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
def test_parts_that_concatenate_alike_give_different_keys(name, one, other):
    assert name(**{**PARTS, **one}) != name(**{**PARTS, **other})


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
def test_any_buffer_of_the_same_bytes_gives_the_same_key(name, buffer):
    assert name(**{**PARTS, "data": buffer}) == name(**PARTS)


def test_a_buffer_with_gaps_is_refused(name):
    with pytest.raises(BufferError):
        name(**{**PARTS, "data": np.zeros((4, 4))[:, ::2]})


def test_the_data_are_not_copied(name):
    data = memoryview(bytearray(8 * 1024 * 1024))
    tracemalloc.start()
    try:
        name(**{**PARTS, "data": data})
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 64 * 1024


@given(st.text())
def test_a_result_key_has_only_plain_characters(request_id):
    key = result_key(request_id)
    assert key.isascii()
    assert key.isprintable()
    assert " " not in key
    assert len(key) == len("triscore:r:2:") + 64


@given(st.text(), st.text())
def test_result_keys_are_equal_exactly_where_ids_are(one, other):
    assert (result_key(one) == result_key(other)) == (one == other)


def test_an_id_that_is_not_utf8_has_a_key():
    assert result_key(b"caf\xe9".decode("utf-8", "surrogateescape")).startswith("triscore:r:2:")


def test_the_lease_of_a_key_is_named_after_it():
    assert lease_key("triscore:w:2:00ff") == "triscore:l:1:triscore:w:2:00ff"


def test_the_layout_is_the_documented_one():
    """Changing a key without changing VERSION would serve old answers to new questions."""
    digest = blake2b(digest_size=32)
    for part in (b"m" * 32, b"s" * 32, b"predict", b"", b"<f8", b"2,3", b"\0" * 48):
        digest.update(len(part).to_bytes(8, "little") + part)
    assert prediction_key(**PARTS) == f"triscore:p:2:{digest.hexdigest()}"
    assert row_key(**PARTS) == f"triscore:w:2:{digest.hexdigest()}"
    assert digest.hexdigest().startswith("ef90c94f27d02806")
    assert (
        result_key("request-1")
        == "triscore:r:2:874acc669665de5d77016ef9260bc85b57925adb7beee70aafd3934525a2d85b"
    )
