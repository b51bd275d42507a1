"""A model's schema: what it takes."""

from __future__ import annotations

from inference.rows.schema import Schema


def test_the_key_text_of_a_schema_keeps_its_layout():
    schema = Schema(kind="frame", features=1, names=("a",), types=("text",), allows_missing=True)
    assert schema.key_text == (
        "Signature(kind='frame', features=1, names=('a',), types=('text',), allows_missing=True)"
    )
