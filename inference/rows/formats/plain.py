"""What a script or an estimator returned, converted to JSON values.

    NumPy arrays, scalars       lists, numbers, ISO dates; also as keys of an object
    DataFrame, Series           a list of objects, one a row; a list
    datetime, date, time        ISO 8601
    bytes                       text, where they are UTF-8
    tuple, set                  a list; a set's in order
    NaN, infinity, NaT, NA      null, at any depth
    integers of any size        all their digits

Nothing is encoded twice: a text that holds JSON stays a text. This never imports pandas.
"""

from __future__ import annotations

import datetime as dt
import enum
import math
import sys
from collections.abc import Mapping
from typing import Any

_ATOMS = (str, int, type(None))
_MOMENTS = (dt.datetime, dt.date, dt.time)


class NotPlain(TypeError):
    """A value that has no form in JSON. The message names its type, never the value."""


def default(value: object) -> object:
    """For orjson: a simpler form of a value that it can't write.

    Raises NotPlain, or anything that a method of the value raises.
    """
    if (rows := _tabular(value)) is not None:
        return rows
    if isinstance(value, float):  # of a subclass
        return float(value)
    if isinstance(value, _MOMENTS):  # also of a subclass; NaT differs from itself
        return value.isoformat() if value == value else None  # noqa: PLR0124
    if isinstance(value, bytes | bytearray | memoryview):
        return _text(bytes(value))
    return None if type(value).__name__ == "NAType" else _list(value)


def tree(value: Any) -> Any:
    """The whole value in JSON's types, for values that orjson refuses. Raises as `default`."""
    if isinstance(value, enum.Enum):
        return tree(value.value)
    if isinstance(value, _ATOMS):
        return value
    if type(value) is float:
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {_key(name): tree(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [tree(item) for item in value]
    return tree(default(value))


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise NotPlain(
            "bytes that are no UTF-8; return them in an AMLResponse, or as base64"
        ) from error


def _list(value: Any) -> object:
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    if getattr(getattr(value, "dtype", None), "kind", "") == "M":
        value = value.astype("datetime64[us]")  # of other units: whole numbers, or days
    simpler = value.tolist() if hasattr(value, "tolist") else value
    if type(simpler) is type(value):
        raise NotPlain(f"not JSON serializable: {type(value).__name__}")
    return simpler


def _key(name: object) -> str:
    """A name in an object, spelled as orjson spells it."""
    plain = tree(name)
    if isinstance(plain, str):
        return plain
    if plain is None or isinstance(plain, bool):
        return {None: "null", True: "true", False: "false"}[plain]
    if isinstance(plain, int | float):
        return str(plain)
    raise NotPlain(f"a {type(name).__name__} is no name for a JSON object")


def _tabular(value: Any) -> list[Any] | None:
    pandas = sys.modules.get("pandas")
    if pandas is None or not isinstance(value, pandas.DataFrame | pandas.Series | pandas.Index):
        return None
    if isinstance(value, pandas.DataFrame):
        if not value.columns.is_unique:
            raise NotPlain("a DataFrame with two columns of one name; rename one")
        records: list[Any] = value.to_dict(orient="records")
        return [{name: _missing(cell, pandas) for name, cell in row.items()} for row in records]
    return [_missing(cell, pandas) for cell in value.tolist()]


def _missing(cell: Any, pandas: Any) -> Any:
    return None if cell is pandas.NA or cell is pandas.NaT else cell
