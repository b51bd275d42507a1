"""What commands print: lines for a person, or JSON for a program."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

#: Columns of what is no terminal: nothing is wrapped there.
_WIDE = 1000

#: Of a command that ends with one result.
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]

#: Of a command that prints results while it goes on.
JsonLines = Annotated[
    bool, typer.Option("--json", help="Print one JSON object a line, for programs.")
]


def show(document: Any, text: object, *, as_json: bool) -> None:
    """Print one of two forms of the same: `document` as one line of JSON, or `text`.

    It is written at once: a program may read it through a pipe while the command goes on.
    """
    line = json.dumps(document) if as_json else text
    print(line, flush=True)


def show_failure(document: object, text: str, *, as_json: bool) -> None:
    """Print what came of work that failed: JSON where results are, text where errors are."""
    if as_json:
        show(document, "", as_json=True)
    else:
        print(text, file=sys.stderr)


def console() -> Console:
    """Standard output for tables and long lines, as wide as the terminal or COLUMNS."""
    from rich.console import Console

    has_width = sys.stdout.isatty() or "COLUMNS" in os.environ
    return Console(width=None if has_width else _WIDE)
