"""What an estimator is called with: an array, a DataFrame, or texts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from inference.errors import ModelUnavailable
from inference.rows import typed_rows
from inference.rows.row_types import Array, Values
from inference.rows.schema import ARROW, Column, Schema
from inference.rows.typed_rows import INTEGER_OR_MISSING, MISSING_CODE, TypedRows


def input_function(schema: Schema, *, copy: bool = False) -> Callable[[Any], Any]:
    """The function that converts rows to the estimator's input: an array of numbers is unchanged,
    or a copy if the estimator may write into it; typed rows become a DataFrame or texts. Raises
    ModelUnavailable.

    Only a model trained on a DataFrame needs pandas, and only for it pandas is imported.
    """
    if schema.kind == "array":
        return (lambda values: values.copy()) if copy else (lambda values: values)
    if schema.kind == "texts":
        return lambda rows: rows.columns[0].astype(object)
    try:
        import pandas as pd  # noqa: PLC0415 - see above
    except ModuleNotFoundError as error:
        raise ModelUnavailable(
            "the model takes a DataFrame, and pandas is not installed: add it to requirements.txt"
        ) from error
    features = schema.columns or ()

    def frame(rows: TypedRows) -> Any:
        series = map(_series, features, rows.columns)
        return pd.DataFrame({each.name: made for each, made in zip(features, series, strict=True)})

    return frame


def alike_rows(values: Values, schema: Schema) -> list[Array]:
    """The positions of rows that the estimator is called with together, a group each.

    A missing cell in a column of integers or booleans that had none in training makes the column
    one of floats or of objects. So that no row's types depend on others, such rows are apart, by
    which of their cells miss.
    """
    if not isinstance(values, TypedRows):
        return [np.arange(len(values))]
    masks = [
        typed_rows.missing(column)
        for feature, column in zip(schema.columns or (), values.columns, strict=True)
        if feature.missing and _changes_dtype(feature, column)
    ]
    if not masks or not any(mask.any() for mask in masks):
        return [np.arange(len(values))]
    patterns, group_of = np.unique(np.stack(masks, axis=1), axis=0, return_inverse=True)
    return [np.flatnonzero(group_of == group) for group in range(len(patterns))]


def _series(feature: Column, column: Array) -> Any:
    """A typed column with the dtype that training had."""
    return _SERIES[feature.type](feature, column)


def _integers(feature: Column, column: Array) -> Any:
    if column.dtype != INTEGER_OR_MISSING:
        if _is_nullable(feature):
            return _nullable(feature, column, np.zeros(len(column), np.bool_))
        return column.astype(feature.pandas_dtype, copy=False)
    if _is_nullable(feature):
        return _nullable(feature, column["value"], column["missing"])
    if column["missing"].any():
        return np.where(column["missing"], np.nan, column["value"])
    return column["value"].astype(feature.pandas_dtype, copy=False)


def _numbers(feature: Column, column: Array) -> Any:
    if _is_nullable(feature):
        return _nullable(feature, column, np.isnan(column))
    dtype = feature.pandas_dtype
    return column if dtype == "object" else column.astype(dtype, copy=False)


def _booleans(feature: Column, column: Array) -> Any:
    gone = column == MISSING_CODE
    if _is_nullable(feature):
        return _nullable(feature, column == 1, gone)
    if feature.pandas_dtype == "object" or gone.any():
        return _with_gap(feature, typed_rows.boolean_objects(column))
    return column.astype(np.bool_)


def _texts(feature: Column, column: Array) -> Any:
    import pandas as pd  # noqa: PLC0415 - imported by input_function

    objects = _with_gap(feature, column.astype(object))
    if feature.pandas_dtype == "object":
        return pd.Series(objects, dtype=object)
    if feature.pandas_dtype.endswith(ARROW):
        return _arrow_texts(feature, objects)
    return pd.array(objects, dtype=feature.pandas_dtype)


def _arrow_texts(feature: Column, objects: Array) -> Any:
    """pandas takes the name `string[pyarrow]` for a dtype of its own."""
    import pandas as pd  # noqa: PLC0415 - imported by input_function
    import pyarrow as pa  # noqa: PLC0415 - only for such a column

    kind = pa.large_string() if feature.pandas_dtype.startswith("large") else pa.string()
    return pd.array(objects, dtype=pd.ArrowDtype(kind))


def _with_gap(feature: Column, objects: Array) -> Array:
    """The objects with training's own missing cells instead of NaN."""
    if feature.gap is None:
        objects[objects != objects] = None  # noqa: PLR0124 - NaN
    return objects


def _categories(feature: Column, column: Array) -> Any:
    import pandas as pd  # noqa: PLC0415 - imported by input_function

    categories = pd.Index(feature.categories or ())
    if feature.dtype.startswith("category["):
        categories = categories.astype(feature.dtype[len("category[") : -1])
    dtype = pd.CategoricalDtype(categories, feature.ordered)
    return pd.Categorical.from_codes(column, dtype=dtype)


def _dates(feature: Column, column: Array) -> Any:
    import pandas as pd  # noqa: PLC0415 - imported by input_function

    _, comma, zone = feature.pandas_dtype.rstrip("]").partition(", ")
    index = pd.DatetimeIndex(column)
    return index.tz_localize("UTC").tz_convert(zone) if comma else index


_SERIES: dict[str, Callable[[Column, Array], Any]] = {
    "integer": _integers,
    "number": _numbers,
    "boolean": _booleans,
    "text": _texts,
    "category": _categories,
    "date": _dates,
}


def _changes_dtype(feature: Column, column: Array) -> bool:
    """Whether a missing cell gives the column another dtype than training had."""
    if column.dtype == INTEGER_OR_MISSING:
        return not _is_nullable(feature)
    return feature.type == "boolean" and feature.pandas_dtype == "bool"


def _is_nullable(feature: Column) -> bool:
    """Whether missing cells of the training dtype lie beside the values: Int64, boolean, and
    Arrow's types.
    """
    dtype = feature.pandas_dtype
    return dtype == "boolean" or dtype[:1].isupper() or dtype.endswith(ARROW)


def _nullable(feature: Column, values: Array, gone: Array) -> Any:
    import pandas as pd  # noqa: PLC0415 - imported by input_function

    made = pd.array(np.where(gone, np.zeros(1, values.dtype), values), dtype=feature.pandas_dtype)
    made[gone] = pd.NA
    return made
