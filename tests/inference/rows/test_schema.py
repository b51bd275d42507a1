"""A model's schema: what it takes."""

from __future__ import annotations

import pytest

from inference.errors import UnfitInput
from inference.rows.schema import Schema


def test_the_key_text_of_an_array_is_that_of_the_first_release():
    schema = Schema(features=1, names=("a",), allows_missing=True)
    assert schema.key_text == (
        "Signature(kind='array', features=1, names=('a',), types=None, allows_missing=True)"
    )


@pytest.mark.parametrize(
    ("columns", "got"), [(["a", "b", "a"], "twice"), (["a", "a", "a", "b"], "3 times")]
)
def test_a_column_that_is_there_twice_is_refused(columns, got):
    with pytest.raises(UnfitInput, match=f"column 'a': expected once, got {got}"):
        Schema(names=("b", "a")).order(columns)


def test_a_column_that_the_model_does_not_take_may_be_there_twice():
    assert Schema(names=("b", "a")).order(["", "a", "b", ""]) == [2, 1]
