"""What commands print: lines for a person, or JSON for a program."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

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
