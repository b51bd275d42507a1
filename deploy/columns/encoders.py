"""What the encoders of a pipeline know of the columns that they were trained on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from inference.models import nesting
from inference.rows.schema import OBJECT_OR_NONE, Column, ColumnType

#: Steps that hand on the cells as they are, but for the missing ones.
_PASSING = frozenset({"SimpleImputer"})
_KINDS: dict[type, ColumnType] = {str: "text", bool: "boolean", int: "integer", float: "number"}


def columns(estimator: Any, names: Sequence[str]) -> dict[str, Column]:
    """The columns whose type and values an encoder knows. `categories` of a column of texts or
    integers are those that it knows.
    """
    found = {}
    for name, values in _categories(estimator, list(names)):
        if (column := _column(name, values)) is not None:
            found[name] = column
    return found


def _categories(step: Any, names: list[str]) -> Iterator[tuple[str, Any]]:
    """Each column with the categories that the first encoder on its way has."""
    for part, taken in _parts(step, names):
        yield from _categories(part, taken)
    known = getattr(step, "categories_", None)
    if known is not None and len(known) == len(names):
        yield from zip(names, known, strict=True)


def _parts(step: Any, names: list[str]) -> Iterator[tuple[Any, list[str]]]:
    """The parts that get the columns as they are, each with the names of those that it gets."""
    if steps := getattr(step, "steps", None):
        changing = [each for _, each in steps if not _passes(each)]
        if changing:
            yield changing[0], names
    for _, part, chosen in getattr(step, "transformers_", ()):
        yield part, _chosen(chosen, names)
    for _, part in getattr(step, "transformer_list", ()):
        yield part, names
    # Histogram boosting has an encoder of its own.
    inner = getattr(step, "_preprocessor", None) or nesting.within(step)
    if inner is not None:
        yield inner, names


def _passes(step: Any) -> bool:
    return step is None or step == "passthrough" or type(step).__name__ in _PASSING


def _chosen(chosen: Any, names: list[str]) -> list[str]:
    """The names that a ColumnTransformer's choice of columns means."""
    if isinstance(chosen, str):
        return [chosen]
    if isinstance(chosen, slice):
        return names[_by_position(chosen, names)]
    picked = np.atleast_1d(np.asarray(chosen))
    if not picked.size:
        return []
    if picked.dtype.kind in "biu":
        return [str(each) for each in np.array(names, object)[picked]]
    return [str(each) for each in picked.tolist()]


def _by_position(chosen: slice, names: list[str]) -> slice:
    """A slice of names includes its last one."""
    if not (isinstance(chosen.start, str) or isinstance(chosen.stop, str)):
        return chosen
    first = None if chosen.start is None else names.index(chosen.start)
    last = None if chosen.stop is None else names.index(chosen.stop) + 1
    return slice(first, last)


def _column(name: str, values: Any) -> Column | None:
    """None if the categories do not tell one type."""
    listed = np.asarray(values).tolist()
    present = [value for value in listed if value is not None and value == value]  # noqa: PLR0124
    kinds = {type(value) for value in present}
    kind = _KINDS.get(kinds.pop()) if len(kinds) == 1 else None
    if kind is None:
        return None
    missing = len(present) < len(listed)
    dtype = _dtype(kind, missing=missing, none=None in listed)
    known = tuple(present) if kind in ("text", "integer") else None
    return Column(name, kind, missing=missing, dtype=dtype, categories=known)


def _dtype(kind: ColumnType, *, missing: bool, none: bool) -> str:
    """Empty for the usual one of the type."""
    if kind not in ("text", "boolean") or not missing:
        return ""
    return OBJECT_OR_NONE if none else "object" if kind == "boolean" else ""
