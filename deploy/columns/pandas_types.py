"""The columns of a schema, from the dtypes of a DataFrame."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np

from inference.errors import ModelUnavailable
from inference.rows.schema import OBJECT_OR_NONE, Column

#: What pandas' own names of dtypes say of a column of Python objects.
_OBJECTS = {"boolean": "boolean", "string": "text", "integer": "integer", "floating": "number"}
_KINDS = {"b": "boolean", "i": "integer", "u": "integer", "f": "number", "M": "date"}
#: Of a column of Arrow's types.
_ARROW_KINDS = {"b": "boolean", "i": "integer", "u": "integer", "f": "number", "U": "text"}


def column_of(name: str, series: Any) -> Column:
    """The column as a training frame has it. Raises ModelUnavailable for a dtype that is not
    served.
    """
    missing = bool(series.isna().any())
    dtype = series.dtype
    if type(dtype).__name__ == "CategoricalDtype":
        return category(name, dtype, missing=missing)
    kind = _type(series)
    if kind is None:
        raise ModelUnavailable(
            f"column {name!r}: expected numbers, booleans, texts, categories or dates, got"
            f" {dtype}; convert it before training, and train the model again"
        )
    if kind == "integer" and dtype.kind == "O" and not _fits(series):
        raise ModelUnavailable(
            f"column {name!r}: expected integers of at most 64 bits, got {series.dropna().max()}"
        )
    if kind in ("text", "boolean") and _has_none(series):
        return Column(name, kind, missing=True, dtype=OBJECT_OR_NONE)
    return Column(name, kind, missing=missing, dtype=_recorded(kind, dtype))


def category(name: str, dtype: Any, *, missing: bool) -> Column:
    """A column of a CategoricalDtype. Raises ModelUnavailable for categories of other types."""
    import pandas as pd  # noqa: PLC0415 - with a frame it is imported

    values = dtype.categories.tolist()
    kinds = {bool if isinstance(value, bool) else _plain_kind(value) for value in values}
    if len(kinds) > 1 or None in kinds:
        raise ModelUnavailable(
            f"column {name!r}: expected categories that all are texts, numbers or booleans, got"
            f" {dtype.categories.dtype}; convert them before training, and train the model again"
        )
    held = str(dtype.categories.dtype)
    usual = held == str(pd.Index(values).dtype)
    return Column(
        name,
        "category",
        missing=missing,
        dtype="" if usual else f"category[{held}]",
        categories=tuple(values),
        ordered=bool(dtype.ordered),
    )


def is_empty(series: Any) -> bool:
    """Whether it has no value that tells its type."""
    return bool(series.isna().all())


def date_advice(rows: Any) -> str:
    """What to state of the first column of texts that look like dates; empty without any."""
    if not hasattr(rows, "columns"):
        return ""
    import pandas as pd  # noqa: PLC0415 - imported where rows are a frame

    for name in rows.columns:
        texts = rows[name].dropna()
        if _type(texts) == "text" and len(texts) and texts.str.contains("-", regex=False).all():
            with contextlib.suppress(ValueError, TypeError):
                pd.to_datetime(texts, format="ISO8601")
                return f"; if training had dates in column {name!r}, add --type {name}=date"
    return ""


def _has_none(series: Any) -> bool:
    """Whether all missing cells are None, and there is one."""
    missing = series[series.isna()]
    return len(missing) > 0 and all(cell is None for cell in missing)


def _fits(series: Any) -> bool:
    """Whether all integers have at most 64 bits."""
    return all(-(2**63) <= cell < 2**63 for cell in series.dropna())


def _plain_kind(value: object) -> type | None:
    if isinstance(value, str):
        return str
    return float if isinstance(value, int | float) else None


def _type(series: Any) -> Any:
    import pandas as pd  # noqa: PLC0415 - with a frame it is imported

    dtype = series.dtype
    if isinstance(dtype, pd.StringDtype):
        return "text"
    if dtype.kind == "O" and isinstance(dtype, np.dtype):
        return _OBJECTS.get(pd.api.types.infer_dtype(series, skipna=True))
    if isinstance(dtype, pd.SparseDtype | pd.PeriodDtype | pd.IntervalDtype):
        return None
    if isinstance(dtype, pd.ArrowDtype):
        return _ARROW_KINDS.get(dtype.kind)
    return _KINDS.get(dtype.kind)


def _recorded(kind: str, dtype: Any) -> str:
    """The dtype's name; empty for the usual one of the type."""
    found = str(dtype)
    return "" if found == Column("", kind).pandas_dtype else found  # type: ignore[arg-type]
