"""The JSON document of a request. In a long one the tensors' elements are parsed in pieces."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from inference.errors import MalformedInput
from inference.rows.formats import json_codec
from inference.rows.formats.json_outline import PIECE_BYTES, Outline, Span

_WHAT = "the body's JSON part"
#: One tensor per column; a document with more is refused.
MAX_INPUTS = 10_000


class Elements:
    """A list in a document. Each iteration parses it again, in pieces."""

    def __init__(self, outline: Outline, span: Span) -> None:
        self._outline, self._span = outline, span

    def __len__(self) -> int:
        return self._span.length

    def pieces(self) -> Iterator[Sequence[Any]]:
        return self._outline.elements(self._span)


def read(body: bytes) -> Any:
    """The document; the lists under `data` in its inputs may be Elements. Raises MalformedInput."""
    if len(body) <= PIECE_BYTES:
        return json_codec.loads(body, _WHAT)
    outline = Outline(body, _WHAT)
    document: Any
    if outline.kind() == b"{":
        document = {
            name: _inputs(outline) if name == "inputs" else outline.parsed(outline.value())
            for name in outline.members()
        }
    else:
        document = outline.parsed(outline.value())
    outline.end()
    return document


def _inputs(outline: Outline) -> Any:
    if outline.kind() != b"[":
        return outline.parsed(outline.value())
    found: list[Any] = []
    for _ in outline.items():
        if len(found) == MAX_INPUTS:
            raise MalformedInput(f"`inputs`: expected at most {MAX_INPUTS:,} tensors, got more")
        found.append(_input(outline))
    return found


def _input(outline: Outline) -> Any:
    if outline.kind() != b"{":
        return outline.parsed(outline.value())
    return {
        name: _data(outline) if name == "data" else outline.parsed(outline.value())
        for name in outline.members()
    }


def _data(outline: Outline) -> Any:
    span = outline.value()
    return Elements(outline, span) if outline.is_list(span) else outline.parsed(span)
