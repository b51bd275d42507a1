"""Compressions are known by the endings of names."""

import pytest

from inference.errors import UnsupportedType
from inference.rows.content_encoding import split_ending


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("rows.csv", ("rows.csv", "")),
        ("a.b/rows.csv.gz", ("a.b/rows.csv", "gzip")),
        ("ROWS.JSONL.ZST", ("ROWS.JSONL", "zstd")),
        ("rows.json.zstd", ("rows.json", "zstd")),
        ("gz", ("gz", "")),
        ("rows", ("rows", "")),
        ("", ("", "")),
    ],
)
def test_an_ending_names_a_compression(name, split):
    assert split_ending(name) == split


@pytest.mark.parametrize("name", ["rows.csv.bz2", "rows.XZ", "rows.csv.br", "rows.zip"])
def test_the_ending_of_another_compression_is_refused_by_name(name):
    with pytest.raises(UnsupportedType, match=r"compression '\*\.\w+' is not .*; send .gz, .zst"):
        split_ending(name)
