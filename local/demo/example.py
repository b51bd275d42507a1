"""What the tour sends, and how it checks the answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

#: How many rows a blob has, and how many messages are sent.
BLOB_ROWS = 500
MESSAGES = 20


@dataclass(frozen=True, slots=True)
class Body:
    """One input."""

    content: bytes
    content_type: str
    #: For the table: `1 row, JSON`.
    title: str
    #: The ending of a blob's name, which says its format.
    ending: str = ".json"
    #: Of a blob's output; empty: as the input.
    output_format: str = ""


class Example(Protocol):
    """Inputs of the served model. Each check returns what is wrong, or None."""

    @property
    def request(self) -> Body: ...

    @property
    def blob(self) -> Body: ...

    @property
    def messages(self) -> Sequence[Body]: ...

    @property
    def success(self) -> str:
        """What it means that nothing was wrong: one sentence."""
        ...

    def check_request(self, answer: bytes, content_type: str, /) -> str | None: ...

    def check_blob(self, output: bytes, content_type: str, /) -> str | None: ...

    def check_message(self, number: int, result: Any) -> str | None: ...
