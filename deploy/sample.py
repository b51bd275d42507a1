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
MAX_ROWS = 1_000
LIMITS = Limits(InferenceSettings.max_body_bytes, MAX_ROWS)

_FORMATS = {
    ".csv": media_types.CSV,
    ".json": media_types.JSON,
    ".jsonl": media_types.JSON_LINES,
    ".ndjson": media_types.JSON_LINES,
    ".npy": media_types.NPY,
    ".parquet": media_types.PARQUET,
}


def draw(features: int) -> Array:
    """A few rows of random numbers, the same each time; shape (DRAWN_ROWS, features)."""
    values: Array = np.random.default_rng(0).normal(size=(DRAWN_ROWS, features))
    return values.round(3)


def read_values(file: Path, schema: Schema) -> Values:
    """The rows of a file as the app reads a body. Raises CallerError, OSError."""
    form = _FORMATS.get(file.suffix.lower(), "")
    return formats.decode(file.read_bytes(), form, schema, limits=LIMITS).require_valid()


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
    suffix = file.suffix.lower()
    try:
        import pandas as pd  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise ModelUnavailable(
            "the model takes a DataFrame, and pandas is not installed: pip install pandas"
        ) from error
    if suffix == ".csv":
        frame = _csv(pd, file, names, texts, na)
    elif suffix == ".parquet":
        frame = _parquet(pd, file)
    elif suffix == ".npy":
        frame = pd.DataFrame(np.load(file, allow_pickle=False), columns=names)
    else:
        frame = _json(pd, file, names)
    frame.columns = [str(each) for each in frame.columns]
    if not len(frame):
        raise UnfitInput(field=file.name, expected="at least one row", got="none")
    order = Schema(names=None if names is None else tuple(names)).order(list(frame.columns))
    frame = frame if order is None else frame.iloc[:, order]
    return Sample(frame.reset_index(drop=True), typed=suffix == ".parquet", source=file.name)


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
            field=file.name, expected=f"the columns {', '.join(names or ())}", got="none of them"
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


def _parquet(pd: Any, file: Path) -> Any:
    try:
        return pd.read_parquet(file)
    except ImportError as error:
        raise ModelUnavailable(
            f"{file.name} needs pyarrow, which is not installed: pip install pyarrow"
        ) from error
    except (ValueError, OSError) as error:
        raise UnfitInput(field=file.name, expected="a Parquet file", got="another") from error


def _json(pd: Any, file: Path, names: Sequence[str] | None) -> Any:
    body = file.read_bytes()
    try:
        if file.suffix.lower() in (".jsonl", ".ndjson"):
            return pd.DataFrame([orjson.loads(line) for line in body.splitlines() if line.strip()])
        document = orjson.loads(body)
        columns = names
        if isinstance(document, dict):
            columns = document.get("columns", names)
            document = next(document[name] for name in NAMES if name in document)
        if document and isinstance(document[0], dict):
            return pd.DataFrame(document)
        return pd.DataFrame(document, columns=columns)
    except (ValueError, TypeError, StopIteration, KeyError) as error:
        raise UnfitInput(
            field=file.name,
            expected="rows in JSON, as the app takes them",
            got="another document",
        ) from error
