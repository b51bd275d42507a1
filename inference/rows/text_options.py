"""What a content type says of a text beside its format."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TextOptions:
    """How a text is written; None where the content type does not say."""

    charset: str | None = None
    #: Whether the first line names the columns.
    header: bool | None = None
    #: Between the cells of a line: one ASCII character.
    delimiter: str | None = None


UNSAID = TextOptions()


def options_of(content_type: str) -> TextOptions:
    del content_type
    return UNSAID
