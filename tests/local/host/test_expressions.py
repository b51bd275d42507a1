"""Binding expressions and blob patterns."""

from __future__ import annotations

import pytest

from local.host.app.expressions import BlobPattern, UnknownExpression, render, resolve_settings
from local.host.errors import HostError


@pytest.mark.parametrize(
    ("path", "blob", "values"),
    [
        ("in/{name}", "a/b.csv", {"name": "a/b.csv"}),
        ("in/{name}.{ext}", "a.b.csv", {"name": "a.b", "ext": "csv"}),
        ("in/{name}.csv", "a.json", None),
        ("in/{folder}/x-{name}", "f/x-1", {"folder": "f", "name": "1"}),
        ("in", "anything", {}),
    ],
)
def test_a_blob_path_matches_blobs_and_gives_their_placeholders(
    path: str, blob: str, values: dict[str, str] | None
) -> None:
    pattern = BlobPattern.parse(path)
    assert pattern.container == "in"
    assert pattern.match(blob) == values


def test_a_placeholder_that_occurs_twice_is_refused() -> None:
    with pytest.raises(HostError, match="occurs twice"):
        BlobPattern.parse("in/{name}-{name}")


def test_a_path_is_rendered_from_the_triggers_values() -> None:
    assert render("out/{name}.{ext}", {"name": "a", "ext": "b"}) == "out/a.b"
    assert render("out/{rand-guid}", {}) != render("out/{rand-guid}", {})
    with pytest.raises(UnknownExpression, match="no value 'name'"):
        render("out/{name}", {})


def test_settings_are_inserted_and_a_missing_one_is_named() -> None:
    assert resolve_settings("a/%X%/b", {"X": "y"}, where="here") == "a/y/b"
    with pytest.raises(HostError, match="here: %X% refers to a missing app setting"):
        resolve_settings("%X%", {}, where="here")
