"""Sample rows of a model: read from a file, or drawn."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from deploy.columns.frames import Sample
from inference.errors import ModelUnavailable, UnfitInput
from inference.limits import Limits
from inference.rows import formats, media_types
from inference.rows.formats.json_rows import NAMES
from inference.rows.row_types import Array, Values
from inference.rows.schema import NA_WORDS, Schema
from inference.settings import InferenceSettings

DRAWN_ROWS = 5
#: How many rows of a training frame or of a long file become golden rows.
GOLDEN_ROWS = 100
#: Of a file that is read as a body.
LIMITS = Limits(InferenceSettings.max_body_bytes, InferenceSettings.max_rows)

#: Of a library's message.
_MAX_CHARACTERS = 200
#: The endings of files that are read.
_ENDINGS = (".parquet", ".csv", ".json", ".jsonl", ".ndjson", ".npy")


def draw(features: int) -> Array:
    """A few rows of random numbers, the same each time; shape (DRAWN_ROWS, features)."""
    values: Array = np.random.default_rng(0).normal(size=(DRAWN_ROWS, features))
    return values.round(3)


def read_values(file: Path, schema: Schema) -> Values:
    """Rows of a file, at most GOLDEN_ROWS, as the app reads a body. Raises CallerError, OSError."""
    form = media_types.BY_ENDING[_ending(file)]
    read = formats.decode(file.read_bytes(), form, schema, limits=LIMITS).require_valid()
    _require_some(file, len(read))
    return read[spread(len(read))]


def array_dtype(file: Path) -> str:
    """The dtype of numbers that a .npy file holds; float64 of other files."""
    if file.suffix.lower() != ".npy":
        return "float64"
    return number_dtype(np.load(file, allow_pickle=False, mmap_mode="r").dtype)


def spread(count: int) -> list[int]:
    """Positions of at most GOLDEN_ROWS of `count` rows, from the first to the last."""
    return sorted({round(at) for at in np.linspace(0, count - 1, min(count, GOLDEN_ROWS))})


def number_dtype(dtype: np.dtype[Any]) -> str:
    """A schema's name for the numbers of a training array."""
    told = dtype.kind in "iu" or (dtype.kind == "f" and dtype.itemsize <= 8)
    return dtype.newbyteorder("=").name if told else "float64"


def read_frame(
    file: Path, names: Sequence[str] | None, *, texts: set[str], na: tuple[str, ...] = NA_WORDS
) -> Sample:
    """The rows of a file as pandas reads it. Raises ModelUnavailable, UnfitInput, OSError.

    `names`: the model's columns, None for all of the file. `texts`: columns of CSV whose cells are
    texts, whatever they look like.
    """
    suffix = _ending(file)
    try:
        import pandas as pd  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise ModelUnavailable(
            "the model takes a DataFrame, and pandas is not installed: add it to requirements.txt"
        ) from error
    try:
        frame = _read(pd, file, names, texts, na)
    except ImportError as error:
        raise ModelUnavailable(
            f"{file.name} needs pyarrow, which is not installed: add it to requirements.txt"
        ) from error
    except (ValueError, TypeError, KeyError) as error:
        got = " ".join(str(error).split())[:_MAX_CHARACTERS]
        raise UnfitInput(field=file.name, expected=f"rows in a {suffix} file", got=got) from error
    frame.columns = [str(each) for each in frame.columns]
    _require_some(file, len(frame))
    order = Schema(names=None if names is None else tuple(names)).order(list(frame.columns))
    frame = frame if order is None else frame.iloc[:, order]
    return Sample(frame.reset_index(drop=True), typed=suffix == ".parquet", source=file.name)


def _require_some(file: Path, rows: int) -> None:
    if not rows:
        raise UnfitInput(field=file.name, expected="at least one row", got="none")


def _ending(file: Path) -> str:
    """The ending of a file's name, in lower case. Raises UnfitInput."""
    ending = file.suffix.lower()
    if ending not in _ENDINGS:
        raise UnfitInput(
            field=file.name, expected=f"one of {', '.join(_ENDINGS)}", got=ending or "no ending"
        )
    return ending


def _read(
    pd: Any, file: Path, names: Sequence[str] | None, texts: set[str], na: tuple[str, ...]
) -> Any:
    suffix = file.suffix.lower()
    if suffix == ".csv":
        return _csv(pd, file, names, texts, na)
    if suffix == ".parquet":
        return pd.read_parquet(file)
    if suffix == ".npy":
        return pd.DataFrame(np.load(file, allow_pickle=False), columns=names)
    return _json(pd, file, names)


def _csv(
    pd: Any, file: Path, names: Sequence[str] | None, texts: set[str], na: tuple[str, ...]
) -> Any:
    first = pd.read_csv(file, header=None, nrows=1, dtype=str, keep_default_na=False)
    header = first.iloc[0].tolist()
    named = names is None or any(name in header for name in names)
    if named and names is not None:
        Schema(names=tuple(names)).order(header)  # raises for a column that is there twice
    options: dict[str, Any] = {} if named else {"header": None, "names": names}
    if not named and len(header) != len(names or ()):
        raise UnfitInput(
            field=file.name,
            expected=f"the columns {', '.join(names or ())}, separated by commas",
            got="none of them",
        )
    with warnings.catch_warnings():  # pandas 3 warns of the option, which older ones need
        warnings.simplefilter("ignore")
        return pd.read_csv(
            file,
            dtype=dict.fromkeys(texts, "str"),
            float_precision="round_trip",
            keep_default_na=False,
            na_values=list(na),
            **options,
        )


def _json(pd: Any, file: Path, names: Sequence[str] | None) -> Any:
    body = file.read_bytes()
    rows: Any
    if file.suffix.lower() in (".jsonl", ".ndjson"):
        rows, columns = [orjson.loads(line) for line in body.splitlines() if line.strip()], names
    else:
        rows, columns = _unwrapped(orjson.loads(body), names)
    if isinstance(rows, dict):  # columns, or one record
        by_column = any(isinstance(cells, list | dict) for cells in rows.values())
        return pd.DataFrame(rows if by_column else [rows])
    if not isinstance(rows, list):
        raise ValueError("no list of rows")  # noqa: TRY004 - a wrong document
    if rows and isinstance(rows[0], dict):
        return pd.DataFrame(rows)
    return pd.DataFrame(rows, columns=columns)


def _unwrapped(document: Any, names: Sequence[str] | None) -> tuple[Any, Sequence[str] | None]:
    """The rows of a document, or an object of columns or cells; and the names of the cells."""
    columns, own = names, set(names or ())
    while isinstance(document, dict):
        columns = document.get("columns", columns)
        name = next((name for name in NAMES if name in document and name not in own), None)
        if name is None:
            break
        document = document[name]
    return document, columns
