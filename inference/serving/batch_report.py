"""What is known of a batch while it is scored, and in the end its report."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from inference.error_threshold import ErrorThreshold
from inference.errors import CallerError, TooManyErrors
from inference.rows import media_types

#: The report names so many of the rows that failed.
MAX_PLACES = 100


class FailedRow(NamedTuple):
    """A row of the input, counted from 0, and why it has no prediction."""

    row: int
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchState:
    """How far a batch is after a part, for another attempt that resumes there. In JSON's types."""

    #: Of the table.
    table: dict[str, Any]
    #: As in Report.
    rows: int
    failed: int
    cache_hits: int
    bytes: int
    seconds: float
    errors: list[tuple[int, str]]


@dataclass(kw_only=True)
class Report:
    """The outcome of scoring a file. It is brought up to date after each part."""

    #: Rows whose output is written.
    rows: int = 0
    #: Rows without a prediction, among those read so far.
    failed: int = 0
    cache_hits: int = 0
    #: Of the input, as it is stored: how many were read so far.
    bytes: int = 0
    #: The first MAX_PLACES rows that failed.
    errors: list[FailedRow] = field(default_factory=list)
    first_error: CallerError | None = None
    #: Of CSV: `present` or `absent`.
    header: str | None = None
    #: Of the output.
    content_type: str = media_types.JSON
    clock: Callable[[], float] = time.monotonic
    #: When the scoring began and ended, by `clock`.
    began_at: float = field(init=False)
    ended_at: float | None = None

    def __post_init__(self) -> None:
        self.began_at = self.clock()

    @property
    def seconds(self) -> float:
        """How long the scoring took, or takes until now."""
        ended_at = self.clock() if self.ended_at is None else self.ended_at
        return round(ended_at - self.began_at, 6)

    @property
    def rows_per_s(self) -> float:
        return round(self.rows / max(self.seconds, 1e-6), 1)

    def resume(self, state: BatchState) -> None:
        """Count on from what an earlier attempt has written."""
        self.rows, self.failed, self.cache_hits = state.rows, state.failed, state.cache_hits
        self.bytes, self.began_at = state.bytes, self.began_at - state.seconds
        self.errors = [FailedRow(*each) for each in state.errors]
        if self.errors:
            self.first_error = CallerError(self.errors[0].message)

    def progress(self, size: int) -> dict[str, object]:
        """How far the scoring of an input of `size` bytes is. An input that is read whole before
        its first row is predicted has a share of 1 from then on.
        """
        share = min(1.0, self.bytes / size) if size else None
        seconds = self.seconds
        return {
            "rows": self.rows,
            "failed": self.failed,
            "bytes": self.bytes,
            "share": None if share is None else round(share, 4),
            "seconds": round(seconds, 1),
            "rows_per_s": self.rows_per_s,
            "seconds_left": round(seconds * (1 - share) / share, 1) if share else None,
        }

    def add_errors(
        self, errors: Mapping[int, CallerError], *, first: int, threshold: ErrorThreshold
    ) -> None:
        """Count the errors of the rows that follow `first`, in order.

        Raises TooManyErrors at the row that exceeds the threshold; `rows` ends with that row.
        """
        for index in sorted(errors):
            error = errors[index]
            self.failed += 1
            if self.first_error is None:
                self.first_error = error
            if len(self.errors) < MAX_PLACES:
                self.errors.append(FailedRow(first + index, str(error)))
            if threshold.is_exceeded_at(self.failed):
                raise TooManyErrors(
                    failed=self.failed, rows=first + index + 1, limit=str(threshold), last=error
                )

    def require_few_errors(self, threshold: ErrorThreshold, *, rows: int) -> None:
        """Raises TooManyErrors if too large a share of all `rows` failed."""
        if self.first_error is not None and threshold.is_exceeded_by(self.failed, rows=rows):
            raise TooManyErrors(
                failed=self.failed, rows=rows, limit=str(threshold), last=self.first_error
            )

    def end(self) -> None:
        self.ended_at = self.clock()
