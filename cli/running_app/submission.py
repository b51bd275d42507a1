"""A file on its way through an app: what the three triggers have in common."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from cli.errors import UsageError
from cli.running_app.rows import Rows
from triscore_client import AppUnavailable, Client

if TYPE_CHECKING:
    from triggers.settings import TriggerSettings


#: The step in which nothing happens until the app is back.
WAITING = "waiting"


@dataclass(frozen=True)
class Connections:
    """The settings of an app whose storage and Service Bus take the file."""

    env: Mapping[str, str]
    triggers: TriggerSettings


def unusable(what: str, setting: str, error: Exception) -> UsageError:
    """The error of a service that does not do its part. The SDK's own text may have keys in it."""
    return UsageError(
        f"{what} can't be used ({type(error).__name__}): start it, or correct {setting};"
        " --via http needs neither"
    )


class Report(Protocol):
    """Shows what is being done, and the share of it that is done; None while that is unknown."""

    def __call__(self, step: str, share: float | None, details: str = "") -> None: ...


@dataclass(frozen=True)
class Outcome:
    """How it ended. `document` is the result document, a blob's report, or HTTP's error."""

    id: str
    succeeded: bool
    message: str
    document: Mapping[str, Any]
    #: Where the result was written.
    output: Path | None = None

    @classmethod
    def of_document(
        cls, request_id: str, document: Mapping[str, Any], output: Path | None
    ) -> Outcome:
        if document["status"] != "succeeded":
            return cls(request_id, False, document["error"]["message"], document)
        rows = document.get("rows")
        message = "" if rows is None else f"{rows:,} rows, {document['failed']:,} failed"
        return cls(request_id, True, message, document, output)


@dataclass(frozen=True)
class Submission:
    rows: Rows
    #: Under which the result can be found.
    id: str
    output: Path
    #: Whether a person named it. Else its ending says its format.
    is_named: bool
    client: Client
    report: Report

    @property
    def blob_name(self) -> str:
        """A name of its own for each submission, with the ending that says the format."""
        return f"{self.rows.stem}-{self.id[:8]}{self.rows.ending}"

    @contextmanager
    def left_with_its_id(self) -> Iterator[None]:
        """A block that waits for the result. Leaving it early prints where the result will be."""
        try:
            yield
        except (KeyboardInterrupt, AppUnavailable):
            found = f"`triscore results {self.id}` has its result, with --cancel it ends"
            print(f"{self.rows.name} is still being scored: {found}", file=sys.stderr)
            raise

    def place_for(self, ending: str) -> Path:
        """Of an output in another format than expected, which the ending says."""
        if self.is_named or not ending:
            return self.output
        return self.output.with_name(self.rows.scored_name(ending))

    @staticmethod
    @contextmanager
    def written(output: Path) -> Iterator[Path]:
        """A file beside the output, which takes its place at the end of the block."""
        part = output.with_name(f"{output.name}.part")
        try:
            yield part
            part.replace(output)
        finally:
            part.unlink(missing_ok=True)
