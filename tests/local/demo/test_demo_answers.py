"""When the tour takes two answers for the same."""

from __future__ import annotations

import json
from typing import Any

import pytest

from local.demo import answers
from local.demo.example import Body
from local.demo.sample_input import SampleInput

JSON, CSV = "application/json", "text/csv"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        *((7, 7), (7, 7.0), (0.1 + 0.2, 0.3), ("7", "7"), (None, None), (True, True)),
        *(([1, "a"], [1, "a"]), ({"a": 0.1 + 0.2}, {"a": 0.3}), ([], [])),
    ],
)
def test_what_is_the_same_agrees(one: Any, other: Any) -> None:
    assert answers.agree(one, other)
    assert answers.agree(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        *(("7", 7), ("7", 7.0), ("true", True), (1, True), (0, False), (None, 0), ("", None)),
        *((1_000_000_001, 1_000_000_000), ([7], 7), ([7], ["7"]), ([7], [7, 7])),
        ({"a": 7}, {"b": 7}),
    ],
)
def test_what_only_looks_alike_does_not(one: Any, other: Any) -> None:
    assert not answers.agree(one, other)
    assert not answers.agree(other, one)


@pytest.mark.parametrize(
    ("body", "content_type", "result"),
    [
        (b"7", "application/json", 7),
        (b'"7"', "application/json; charset=utf-8", "7"),
        (b"7", "text/plain; charset=utf-8", "7"),
        (b"\xff\x01", "text/html", {"content_type": "text/html", "base64": "/wE="}),
        (b"7 ,", "application/json", {"content_type": "application/json", "base64": "NyAs"}),
        (b"\xff\x01", "image/png", {"content_type": "image/png", "base64": "/wE="}),
    ],
)
def test_a_body_is_read_as_a_result_document_shows_it(
    body: bytes, content_type: str, result: Any
) -> None:
    assert answers.read(body, content_type) == result


def sample_of(*, is_model: bool, answer: Any) -> SampleInput:
    """A sample that HTTP has answered."""
    sample = SampleInput(Body(b"1,2\n", CSV, "", ".csv"), "prediction" if is_model else "")
    assert sample.check_request(json.dumps(answer).encode(), JSON) is None
    return sample


def test_the_labels_of_a_table_must_be_those_of_http_with_their_types() -> None:
    sample = sample_of(is_model=True, answer=["7", "8"])
    assert sample.blob.output_format == "jsonl"
    right = b'{"data": [1], "prediction": "7"}\n{"data": [2], "prediction": "8"}\n'
    assert sample.check_blob(right, "application/jsonl") is None
    assert sample.success == "All triggers gave the same answer."
    wrong = sample.check_blob(right.replace(b'"8"', b"8"), "application/jsonl")
    assert wrong == 'expected ["7", "8"] as over HTTP, got ["7", 8]'


def test_a_models_message_that_says_something_else_is_wrong() -> None:
    sample = sample_of(is_model=True, answer=[7])
    assert sample.check_message(0, [7]) is None
    assert sample.check_message(1, ["7"]) == 'expected [7] as over HTTP, got ["7"]'


@pytest.mark.parametrize(("answer", "other"), [(7, b"8"), (7, b'"7"'), (None, b"0")])
def test_a_script_may_answer_differently_and_that_is_said(answer: Any, other: bytes) -> None:
    sample = sample_of(is_model=False, answer=answer)
    assert sample.check_blob(other, JSON) is None
    assert sample.success.startswith("All triggers answered. Their answers differ")
