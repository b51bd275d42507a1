"""What LightGBM, XGBoost and CatBoost know of the columns that they were trained on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from deploy.columns import pandas_types
from inference.models import nesting
from inference.rows.schema import Column, ColumnType

#: XGBoost's names of types. It knows `c` by its categories.
_XGBOOST: dict[str, ColumnType] = {"int": "integer", "i": "boolean", "float": "number"}


def names(estimator: Any) -> list[str] | None:
    """The names of the training frame's columns that CatBoost keeps in a place of its own; None for
    others, and for the numbers that it gives to the columns of an array.
    """
    estimator = nesting.innermost(estimator)
    found = getattr(estimator, "feature_names_", None)
    if _library(estimator) != "catboost" or not found:
        return None
    return None if list(found) == [str(at) for at in range(len(found))] else list(found)


def columns(estimator: Any, known: Sequence[str]) -> dict[str, Column]:
    """The columns whose types or categories the booster knows."""
    estimator = nesting.innermost(estimator)
    learn = {"lightgbm": _lightgbm, "xgboost": _xgboost}.get(_library(estimator))
    return {} if learn is None else learn(estimator, known)


def _library(estimator: object) -> str:
    return type(estimator).__module__.partition(".")[0]


def _lightgbm(estimator: Any, known: Sequence[str]) -> dict[str, Column]:
    booster = getattr(estimator, "booster_", estimator)
    values = booster.pandas_categorical or []
    positions = _lightgbm_positions(booster)
    if len(values) != len(positions):  # some were given as numbers, and tell nothing
        return {}
    return {
        known[at]: _category(known[at], each) for at, each in zip(positions, values, strict=True)
    }


def _lightgbm_positions(booster: Any) -> list[int]:
    """The positions of the columns that are categories: a model's text has them in one line."""
    for line in booster.model_to_string(num_iteration=1).splitlines():
        if line.startswith("[categorical_feature: "):
            listed = line.removeprefix("[categorical_feature: ").rstrip("]")
            return [int(each) for each in listed.split(",") if each.strip().isdecimal()]
    return []


def _xgboost(estimator: Any, known: Sequence[str]) -> dict[str, Column]:
    booster = estimator.get_booster()
    types = booster.feature_types
    if booster.feature_names is None or types is None:  # trained on an array
        return {}
    found = {
        name: Column(name, _XGBOOST[kind])
        for name, kind in zip(known, types, strict=True)
        if kind in _XGBOOST
    }
    if "c" not in types:
        return found
    values = dict(booster.get_categories(export_to_arrow=True).to_arrow() or ())
    return found | {
        name: _category(name, each.to_pylist()) for name, each in values.items() if each is not None
    }


def _category(name: str, values: Sequence[Any]) -> Column:
    import pandas as pd  # noqa: PLC0415 - a model with categories was trained with it

    return pandas_types.category(name, pd.CategoricalDtype(values), missing=False)
