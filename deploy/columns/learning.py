"""What a model and its signature say of its columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from deploy.columns import booster_types, encoders, read_back
from deploy.columns.frames import Stated
from inference.errors import ModelUnavailable, UnfitInput
from inference.models import mlflow_folder
from inference.models.mlflow_folder import MlflowColumn
from inference.rows.row_types import Array
from inference.rows.schema import Column, ColumnType

#: The types of an MLflow signature, and their dtypes where these are not the usual ones.
_MLFLOW: dict[str, tuple[ColumnType, str]] = {
    "boolean": ("boolean", ""),
    "integer": ("integer", "int32"),
    "long": ("integer", ""),
    "float": ("number", "float32"),
    "double": ("number", ""),
    "string": ("text", ""),
    "datetime": ("date", ""),
}


def names(estimator: Any, signed: Sequence[Column] | None) -> list[str] | None:
    """The names of the columns of the training frame; None if it had none."""
    found = getattr(estimator, "feature_names_in_", None)
    own = booster_types.names(estimator) if found is None else [str(each) for each in found]
    return own or (None if signed is None else [each.name for each in signed])


def signature(folder: Path) -> list[Column] | None:
    """The columns that an MLflow model's signature names; None without any."""
    if not mlflow_folder.is_model(folder):
        return None
    inputs = mlflow_folder.read_signature(folder) or ()
    if not inputs or not all(map(_is_column, inputs)) or _unserved(inputs):
        return None
    return [
        Column(str(each.name), kind, missing=not each.required, dtype=dtype)
        for each in inputs
        for kind, dtype in [_MLFLOW[each.type]]
    ]


def unserved_types(folder: Path) -> str:
    """The columns of an MLflow signature whose types no schema has, as a message lists them."""
    inputs = (mlflow_folder.is_model(folder) and mlflow_folder.read_signature(folder)) or ()
    return ", ".join(f"{each.name!r} ({each.type})" for each in _unserved(inputs))


def _is_column(each: MlflowColumn) -> bool:
    """Whether it is not a tensor, which has a shape and may have a name."""
    return each.name is not None and each.shape is None


def _unserved(inputs: Sequence[MlflowColumn]) -> list[MlflowColumn]:
    return [each for each in inputs if _is_column(each) and each.type not in _MLFLOW]


def known(
    estimator: Any, columns: Sequence[str], signed: Sequence[Column] | None
) -> dict[str, Column]:
    """The columns of which the model, or else its signature, knows the type."""
    found = {each.name: each for each in signed or ()}
    for column in (
        *encoders.columns(estimator, columns).values(),
        *booster_types.columns(estimator, columns).values(),
    ):
        before = found.get(column.name)
        found[column.name] = column if before is None else _joined(before, column)
    return found


def require_no_texts(estimator: Any, width: int | None) -> None:
    """Raises ModelUnavailable for a model without names that was trained on texts."""
    for name, column in encoders.columns(estimator, [str(at) for at in range(width or 0)]).items():
        if column.type == "text":
            raise ModelUnavailable(
                f"the model knows texts in column {name}, and its columns have no names: give rows"
                " whose columns have names, such as a CSV file with a header, with"
                " `triscore describe DIR --rows FILE`"
            )


def require_na_words(columns: Mapping[str, Column], stated: Stated) -> None:
    """Raises ModelUnavailable for a text that the model knows as a value, and CSV as missing."""
    for column in columns.values():
        for value in column.categories or ():
            if isinstance(value, str) and value in stated.na:
                raise ModelUnavailable(read_back.na_advice(column.name, value))


def training_array(training: Any) -> Array:
    """The rows that a model without column names was trained on, shape (rows, features).

    Raises ModelUnavailable.
    """
    if hasattr(training, "toarray"):
        raise ModelUnavailable(
            "the rows are a sparse matrix, which is not served: train the model on an array"
        )
    array = training.to_numpy() if hasattr(training, "to_numpy") else np.asarray(training)
    if array.ndim != 2 or array.dtype.kind not in "iufb":
        raise UnfitInput(
            field="the rows",
            expected="numbers, shape (rows, features), of a model without column names",
            got=f"{array.dtype}, shape {array.shape}",
        )
    return array


def _joined(signed: Column, learnt: Column) -> Column:
    """What an encoder or a booster knows counts, and that a signature allows gaps."""
    return replace(learnt, missing=learnt.missing or signed.missing)
