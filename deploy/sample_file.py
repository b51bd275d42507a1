"""The file of sample rows that a description is made from, unpacked if it is compressed."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from inference.errors import MalformedInput, UnfitInput
from inference.rows.content_encoding import split_ending
from inference.rows.decompression import decompress

_EXPECTED = "a file with rows"


@contextmanager
def opened(file: Path | None) -> Iterator[Path | None]:
    """The file, or a temporary copy without its compression: `rows.csv` of `rows.csv.gz`.

    Raises CallerError for a file that can't be read.
    """
    if file is None:
        yield None
        return
    _require_readable(file)
    name, encoding = split_ending(file.name)
    if not encoding:
        yield file
        return
    if name.lower().endswith(".parquet"):
        raise UnfitInput(
            field=file.name, expected="Parquet as it is, which is compressed inside", got=encoding
        )
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder, name)
        _unpack(file, encoding, plain)
        yield plain


def _unpack(file: Path, encoding: str, plain: Path) -> None:
    try:
        with file.open("rb") as packed, plain.open("wb") as unpacked:
            shutil.copyfileobj(decompress(packed, encoding), unpacked)
    except MalformedInput as error:
        raise UnfitInput(
            field=file.name, expected=f"a whole {encoding} file", got=str(error)
        ) from error


def _require_readable(file: Path) -> None:
    try:
        with file.open("rb") as opened_file:
            is_empty = not opened_file.read(1)
    except OSError as error:
        what = {
            FileNotFoundError: "no such file",
            IsADirectoryError: "a folder",
            PermissionError: "one that this user may not read",
        }.get(type(error), error.strerror or type(error).__name__)
        raise UnfitInput(field=str(file), expected=_EXPECTED, got=what) from error
    if is_empty:
        raise UnfitInput(field=str(file), expected=_EXPECTED, got="an empty one")
