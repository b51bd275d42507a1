"""The lines of a text, in parts of bounded size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import BinaryIO, NamedTuple

from inference.errors import InputTooLarge, MalformedInput
from inference.limits import MAX_ROW_BYTES, MAX_ROW_CELLS
from inference.rows.formats.csv_lines import AT_ONCE_ROWS, LineBlocks


class Lines(NamedTuple):
    """Consecutive lines without the space around them, and without blank ones."""

    texts: list[bytes]
    #: From 1; blank lines count.
    numbers: Sequence[int]


def line_parts(source: BinaryIO, *, max_blank: int | None) -> Iterator[Lines]:
    """At least one line a part.

    Raises MalformedInput for a line that is too long, InputTooLarge for too many blank lines.
    """
    blocks, number, blank = LineBlocks(source), 1, 0
    while block := blocks.read():
        texts = list(map(bytes.strip, block.splitlines()))
        numbers: Sequence[int] = range(number, number + len(texts))
        number += len(texts)
        if b"" in texts:
            blank += _count_blank(texts, blank, max_blank)
            numbers = [at for at, text in zip(numbers, texts, strict=True) if text]
            texts = [text for text in texts if text]
        if texts:
            _check_lengths(texts, numbers)
            blocks.fit(len(block), len(texts))
        for start in range(0, len(texts), AT_ONCE_ROWS):
            end = start + AT_ONCE_ROWS
            yield Lines(texts[start:end], numbers[start:end])


def _count_blank(texts: Sequence[bytes], before: int, most: int | None) -> int:
    """Raises InputTooLarge if there are more than `most` together with those `before`."""
    count = texts.count(b"")
    if most is not None and before + count > most:
        raise InputTooLarge(
            size=most + 1, limit=most, unit="blank lines", setting="MAX_ROWS", at_least=True
        )
    return count


def _check_lengths(texts: Sequence[bytes], numbers: Sequence[int]) -> None:
    if max(map(len, texts)) <= MAX_ROW_CELLS:
        return
    for text, number in zip(texts, numbers, strict=True):
        if len(text) > MAX_ROW_BYTES:
            raise MalformedInput(
                f"line {number:,} is longer than {MAX_ROW_BYTES:,} bytes, which no row may be"
            )
        if text.count(b",") >= MAX_ROW_CELLS:
            raise MalformedInput(f"line {number:,} has more than {MAX_ROW_CELLS:,} cells")
