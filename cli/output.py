"""What commands print: a line for a person, or JSON for a program."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
JsonLines = Annotated[
    bool, typer.Option("--json", help="Print a JSON object a line, for programs.")
]


def write_json(value: Any) -> None:
    """One line, at once: a program may read it through a pipe while the command goes on."""
    print(json.dumps(value), flush=True)
