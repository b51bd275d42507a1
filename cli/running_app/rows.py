"""The rows that a command sends: a file's, or those of standard input."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from cli.errors import UsageError

STANDARD_INPUT = "-"

File = Annotated[
    str,
    typer.Argument(
        metavar="FILE|-",
        help="The rows: .csv, .jsonl, .json, .parquet, …, also .gz or .zst; or - for standard"
        " input, in JSON.",
    ),
]
ContentType = Annotated[
    str,
    typer.Option(
        "--content-type",
        metavar="TYPE",
        help="Of FILE, where its name does not say it, or of standard input: text/csv.",
        show_default=False,
    ),
]


@dataclass(frozen=True)
class Rows:
    """A body that can be sent. It is read when it is needed."""

    #: The file's; of standard input `rows` with the ending of its format.
    name: str
    #: Before compression.
    content_type: str
    #: The compression that the name ends in, `gzip` or `zstd`, or "".
    encoding: str
    #: None: standard input.
    file: Path | None

    @classmethod
    def find(cls, file: str, content_type: str = "") -> Rows:
        """The rows of an argument FILE. `content_type` counts before a name. Raises UsageError."""
        from inference.errors import UnsupportedType
        from inference.rows import media_types

        if file == STANDARD_INPUT:
            content_type = content_type or "application/json"
            return cls(f"rows{_ending_of(content_type)}", content_type, "", None)
        path = Path(file)
        if not path.is_file():
            raise UsageError(f"{file} is not a file: name the one with the rows, or - to type them")
        try:
            named, encoding = _read_name(path.name)
        except UnsupportedType as error:
            if not content_type:
                raise UsageError(f"{file}: {error}") from error
            named, encoding = content_type, ""
        if not (content_type or named):
            raise UsageError(
                f"{file}: expected a name that ends in {', '.join(media_types.BY_ENDING)}, also"
                " with .gz or .zst behind; or say what the file holds by --content-type"
            )
        if not os.access(path, os.R_OK):
            raise UsageError(f"{file} may not be read by this user: change its permissions")
        return cls(path.name, content_type or named, encoding, path)

    @property
    def stem(self) -> str:
        """The name without its format and compression."""
        return Path(self._plain_name).stem

    @property
    def format_ending(self) -> str:
        """The format in the name: `.csv`."""
        return Path(self._plain_name).suffix

    @property
    def ending(self) -> str:
        """The format and the compression in the name: `.csv.gz`."""
        return self.name[len(self.stem) :]

    def scored_name(self, ending: str) -> str:
        """Of a file with their predictions."""
        return f"{self.stem}.scored{ending}"

    @property
    def headers(self) -> dict[str, str]:
        headers = {"content-type": self.content_type}
        return headers | ({"content-encoding": self.encoding} if self.encoding else {})

    @cached_property
    def content(self) -> bytes:
        return self.file.read_bytes() if self.file else sys.stdin.buffer.read()

    @property
    def size(self) -> int:
        """In bytes, compressed."""
        return self.file.stat().st_size if self.file else len(self.content)

    def open(self) -> BinaryIO:
        return self.file.open("rb") if self.file else BytesIO(self.content)

    @property
    def _plain_name(self) -> str:
        from inference.rows.content_encoding import ENDINGS

        is_compressed = Path(self.name).suffix.lower() in ENDINGS
        return self.name.rpartition(".")[0] if is_compressed else self.name


def _read_name(name: str) -> tuple[str, str]:
    """The content type and the compression that a name says, "" for each that it does not.

    Raises UnsupportedType.
    """
    from inference.rows import media_types
    from inference.rows.content_encoding import split_ending

    plain, encoding = split_ending(name)
    return media_types.BY_ENDING.get(Path(plain).suffix.lower(), ""), encoding


def _ending_of(content_type: str) -> str:
    """The usual ending of a format, "" of another type."""
    from inference.rows import media_types

    form = media_types.known_format(content_type, b"")
    return next((ending for ending, each in media_types.BY_ENDING.items() if each == form), "")
