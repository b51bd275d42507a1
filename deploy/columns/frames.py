"""The columns of a model, and its sample rows as the DataFrame that training would have read.

A column's type is the one that the caller states; else that of the file or frame, if it keeps
types; else what the model knows; else what pandas read from the text.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from deploy.columns import pandas_types
from inference.errors import ModelUnavailable
from inference.rows.schema import NA_WORDS, OBJECT_OR_NONE, Column, ColumnType, Schema, Unseen


@dataclass(frozen=True, slots=True)
class Stated:
    """What the caller of describe says of the columns."""

    types: Mapping[str, ColumnType] = field(default_factory=dict)
    #: The texts that mean a missing cell in CSV.
    na: tuple[str, ...] = NA_WORDS
    unseen: Unseen = "error"


@dataclass(frozen=True, slots=True)
class Sample:
    """Rows with column names."""

    frame: Any
    #: Whether the frame has the types of training, as a training frame and Parquet do.
    typed: bool
    #: The file's name, or another word for messages.
    source: str


def of_training(training: Any) -> Sample | None:
    """The rows of a training DataFrame; None of anything else."""
    if not hasattr(training, "dtypes") or not hasattr(training, "columns"):
        return None
    frame = training.copy(deep=False)
    frame.columns = [str(each) for each in frame.columns]
    return Sample(frame.reset_index(drop=True), typed=True, source="the frame")


def of_names(training: Any, names: Sequence[str]) -> Sample:
    """The columns with these names. Raises ModelUnavailable for anything but a DataFrame, and
    UnfitInput.
    """
    found = of_training(training)
    if found is None:
        raise ModelUnavailable(
            f"the model was trained on a DataFrame with the columns {some(names)}: give such a"
            f" DataFrame, not a value of type {type(training).__name__}"
        )
    order = Schema(names=tuple(names)).order(list(found.frame.columns))
    return replace(found, frame=found.frame.iloc[:, order])


def some(names: Sequence[str]) -> str:
    """The first names, for a message."""
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more


def has_names(frame: Any) -> bool:
    """Whether none of its columns is called like a number, as columns without a name are."""
    return not any(str(name).lstrip("+-. ")[:1].isdigit() for name in frame.columns)


def own_names(training: Any) -> list[str] | None:
    """The names of a training frame's columns, as texts; None of anything else, and of a frame
    whose columns are only numbered.
    """
    if (found := of_training(training)) is None:
        return None
    names = list(found.frame.columns)
    return None if names == [str(at) for at in range(len(names))] else names


def only_numbers(frame: Any) -> bool:
    return all(dtype.kind in "iuf" for dtype in frame.dtypes)


def texts(known: Mapping[str, Column], stated: Stated) -> set[str]:
    """The columns whose cells in CSV are texts, whatever they look like."""
    found = set()
    for name in {*known, *stated.types}:
        kind = stated.types.get(name) or known[name].type
        values = known[name].categories if name in known else None
        of_texts = kind == "category" and any(isinstance(value, str) for value in values or ())
        if kind in ("text", "date") or of_texts:
            found.add(name)
    return found


def settle(
    sample: Sample, names: Sequence[str], known: Mapping[str, Column], stated: Stated
) -> tuple[Any, list[Column]]:
    """The frame of the model's columns in training's types, and what they are.

    Raises ModelUnavailable for a column whose type is not known or contradicts the model's.
    """
    if unknown := sorted({*stated.types} - {*names}):
        raise ModelUnavailable(
            f"--type {unknown[0]}: expected one of the model's columns {some(names)}"
        )
    made, columns = {}, []
    for name in names:
        series, column = _settle(sample, name, known.get(name), stated.types.get(name))
        made[name], column = _with_gap(series, column, known.get(name), typed=sample.typed)
        columns.append(column)
    return type(sample.frame)(made), columns


def _settle(
    sample: Sample, name: str, known: Column | None, stated: ColumnType | None
) -> tuple[Any, Column]:
    series = sample.frame[name]
    if stated is not None:
        known = known if known is not None and known.type == stated else Column(name, stated)
    elif sample.typed and not _tells_nothing(series):
        return series, _with_gaps_of(pandas_types.column_of(name, series), known)
    if known is None:
        return _as_read(sample, name)
    if known.type == "category" and known.categories is None:
        return _category_of_frame(sample, name)
    return _cast(sample, known, stated=stated is not None)


def _cast(sample: Sample, known: Column, *, stated: bool) -> tuple[Any, Column]:
    """The cells as the type that is known. Raises ModelUnavailable if they are of another."""
    series, name = sample.frame[known.name], known.name
    try:
        series = _CASTS[known.type](series, known)
    except (ValueError, TypeError, OverflowError) as error:
        says = "--type says" if stated else "the model knows"
        kind = "boolean" if _holds_booleans(series) else "TYPE"
        raise ModelUnavailable(
            f"column {name!r}: {says} {known.type}, and {sample.source} holds {_example(series)};"
            f" give rows as training had them, or the column's type with --type {name}={kind}"
        ) from error
    return series, _column(series, known)


def _as_read(sample: Sample, name: str) -> tuple[Any, Column]:
    series = sample.frame[name]
    if pandas_types.is_empty(series):
        raise ModelUnavailable(
            f"column {name!r} is empty in {sample.source}, so its type is not known: give rows"
            f" that have values, or its type, for example --type {name}=text"
        )
    return series, pandas_types.column_of(name, series)


def _category_of_frame(sample: Sample, name: str) -> tuple[Any, Column]:
    series = sample.frame[name]
    column = pandas_types.column_of(name, series)
    if column.type != "category":
        raise ModelUnavailable(
            f"--type {name}=category: the model does not know the column's categories; give"
            " rows of the training frame with --rows FILE.parquet"
        )
    return series, column


def _with_gaps_of(column: Column, known: Column | None) -> Column:
    """The column of a typed frame; where training is known to have had gaps, with these."""
    if known is None:
        return column
    return replace(column, missing=column.missing or (known.missing and column.type == known.type))


def _with_gap(
    series: Any, column: Column, known: Column | None, *, typed: bool
) -> tuple[Any, Column]:
    """Texts and booleans with the missing cell that training had: NaN or None."""
    none = _gap_is_none(column, known, typed=typed)
    if column.type not in ("text", "boolean") or not (none or series.dtype == object):
        return series, column
    gap = None if none else math.nan
    cells = [gap if gone else cell for cell, gone in zip(series, series.isna(), strict=True)]
    dtype = column.dtype
    if none:
        dtype = OBJECT_OR_NONE
    elif dtype == OBJECT_OR_NONE:
        dtype = "" if column.type == "text" else "object"
    return type(series)(cells, index=series.index, dtype=object), replace(column, dtype=dtype)


def _gap_is_none(column: Column, known: Column | None, *, typed: bool) -> bool:
    """An encoder knows it; else a typed frame has it. What a file without types misses is NaN."""
    told = known is not None and (known.categories is not None or known.dtype != "")
    if known is not None and told and known.missing and known.type == column.type:
        return known.dtype == OBJECT_OR_NONE
    return typed and column.dtype == OBJECT_OR_NONE


def _tells_nothing(series: Any) -> bool:
    return bool(series.dtype == object) and pandas_types.is_empty(series)


def _column(series: Any, known: Column) -> Column:
    missing = known.missing or bool(series.isna().any())
    if known.type == "category":
        return replace(known, missing=missing)
    found = pandas_types.column_of(known.name, series)
    if known.type == "integer" and found.type == "number":  # gaps made it float64
        return replace(found, type="integer")
    dtype = found.dtype if known.type in ("text", "date") else known.dtype or found.dtype
    return Column(known.name, known.type, missing=missing, dtype=dtype)


def _example(series: Any) -> str:
    present = series.dropna()
    if not len(present):
        return "nothing"
    return repr(present.iloc[0]) if isinstance(present.iloc[0], str) else str(present.iloc[0])


def _to_text(series: Any, known: Column) -> Any:
    del known
    if pandas_types.is_empty(series):
        return series.astype("str")
    if pandas_types.column_of("", series).type != "text":
        raise TypeError
    return series


def _to_category(series: Any, known: Column) -> Any:
    import pandas as pd  # noqa: PLC0415 - a frame was read with it

    values = pd.Index(known.categories or ())
    if known.dtype:
        values = values.astype(known.dtype.removeprefix("category[").rstrip("]"))
    made = pd.Series(
        pd.Categorical(series, dtype=pd.CategoricalDtype(values, known.ordered)),
        index=series.index,
    )
    if (made.isna() & series.notna()).any():
        raise ValueError
    return made


def _holds_booleans(series: Any) -> bool:
    present = series.dropna()
    return len(present) > 0 and all(isinstance(cell, bool) for cell in present)


def _to_boolean(series: Any, known: Column) -> Any:
    del known
    if pandas_types.column_of("", series).type == "boolean":
        return series
    if not series.isin([0, 1]).all():
        raise ValueError
    return series.astype(bool)


def _to_integer(series: Any, known: Column) -> Any:
    del known
    if _holds_booleans(series):  # which count as 0 and 1
        raise TypeError
    if not (series.dropna() % 1 == 0).all():
        raise ValueError
    if series.isna().any() or series.dtype.kind in "iu":
        return series
    return series.astype("int64")


def _to_number(series: Any, known: Column) -> Any:
    if _holds_booleans(series):  # which count as 0 and 1
        raise TypeError
    return series.astype(known.dtype or "float64")


def _to_date(series: Any, known: Column) -> Any:
    import pandas as pd  # noqa: PLC0415 - a frame was read with it

    made = pd.to_datetime(series, format="ISO8601")
    return made.astype(known.dtype) if known.dtype else made


_CASTS = {
    "text": _to_text,
    "category": _to_category,
    "boolean": _to_boolean,
    "integer": _to_integer,
    "number": _to_number,
    "date": _to_date,
}
