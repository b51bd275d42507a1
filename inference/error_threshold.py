"""How many rows of a batch may fail before the batch itself fails: ERROR_THRESHOLD."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

NAME = "ERROR_THRESHOLD"
EXPECTED = "-1 for no limit, a whole number of rows, or a share of the rows such as 0.05"


@dataclass(frozen=True, slots=True)
class ErrorThreshold:
    """At most one of both is given; None: any number of rows may fail."""

    #: Ends the batch at the row that exceeds it.
    count: int | None = None
    #: Between 0 and 1; compared when all rows are read.
    share: float | None = None

    def __str__(self) -> str:
        if self.count is not None:
            return str(self.count)
        return "-1" if self.share is None else f"{self.share:g}"

    @classmethod
    def parse(cls, text: str) -> ErrorThreshold:
        """Raises ValueError."""
        text = text.strip()
        if text == "-1":
            return cls()
        if text.isdecimal() and text.isascii():
            return cls(count=int(text))
        with suppress(ValueError):
            if 0 < (share := float(text)) < 1:
                return cls(share=share)
        raise ValueError(f"expected {EXPECTED}, got {text[:60]!r}")

    def is_exceeded_at(self, failed: int) -> bool:
        """Whether the batch ends now, at the row that is the number `failed` to fail."""
        return self.count is not None and failed > self.count

    def is_exceeded_by(self, failed: int, *, rows: int) -> bool:
        """Whether a batch of so many rows fails at its end."""
        return self.share is not None and failed > self.share * rows


NO_LIMIT = ErrorThreshold()
