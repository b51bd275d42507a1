"""The options that name an app, and how its rows are given."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from cli.errors import UsageError

Url = Annotated[str, typer.Option("--url", envvar="TRISCORE_URL", help="The address of the app.")]
Key = Annotated[
    str,
    typer.Option(
        "--key",
        envvar="TRISCORE_KEY",
        help="A function key, if the app asks for one.",
        show_default=False,
    ),
]
#: Where `make run` serves.
LOCAL = "http://127.0.0.1:7071"


class Rows(NamedTuple):
    """A body and its content type."""

    content: bytes
    content_type: str


def read_rows(file: str) -> Rows:
    """A file's rows, or those of standard input for `-`, which are JSON. Raises UsageError."""
    if file == "-":
        return Rows(sys.stdin.buffer.read(), "application/json")
    from inference.rows import media_types

    content_type = media_types.BY_ENDING.get(Path(file).suffix.lower())
    if content_type is None:
        raise UsageError(f"{file}: expected one of {', '.join(media_types.BY_ENDING)}, or -")
    return Rows(Path(file).read_bytes(), content_type)
