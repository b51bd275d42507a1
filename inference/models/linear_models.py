"""The predictions of linear models, without scikit-learn's checks of the input.

For one row these checks take nine tenths of `predict`. The schema has made them before: rows are
finite numbers of the model's width. What remains is scikit-learn's own arithmetic, step by step, so
the answers are the same bytes. Of any other estimator, `predict` is called.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from inference.rows.row_types import Array
from inference.rows.schema import Schema

Predict = Callable[[Array], Array]

#: Rows of the arrays that are predicted by both to compare them.
_TRIED_ROWS = (1, 2, 50)


def predict_function(estimator: Any, schema: Schema) -> Predict | None:
    """`predict` for rows that fit the schema; None of an estimator that is no linear model.

    A class of scikit-learn's counts whose methods are those that its linear models inherit.
    """
    if schema.kind != "array" or schema.allows_missing or not schema.features:
        return None
    if not type(estimator).__module__.startswith("sklearn."):
        return None
    try:
        predict = _of_linear_model(estimator)
        return predict if predict and _agree(predict, estimator.predict, schema) else None
    except Exception:  # noqa: BLE001 - the estimator may be damaged, or of another release
        return None


def _of_linear_model(estimator: Any) -> Predict | None:
    base: Any = sys.modules.get("sklearn.linear_model._base")  # loaded with such a model
    if base is None:
        return None
    kind, classifier, regressor = type(estimator), base.LinearClassifierMixin, base.LinearModel
    if _inherits(kind, classifier, "predict") and _inherits(kind, classifier, "decision_function"):
        return _classifier(estimator.coef_, estimator.intercept_, estimator.classes_)
    if _inherits(kind, regressor, "_decision_function") and (
        _inherits(kind, regressor, "predict")
        or _inherits(kind, base.MultiOutputLinearModel, "predict")
    ):
        return _regressor(estimator.coef_, estimator.intercept_)
    return None


def _inherits(kind: type, base: type, method: str) -> bool:
    inherited = getattr(base, method)
    return getattr(kind, method, None) is inherited


def _classifier(coefficients: Array, intercept: Any, classes: Array) -> Predict:
    score = _regressor(coefficients, intercept)

    def predict(rows: Array) -> Array:
        scores = score(rows)
        if scores.ndim > 1 and scores.shape[1] == 1:
            scores = scores.reshape(-1)
        if scores.ndim > 1:
            return classes.take(scores.argmax(axis=1), axis=0)
        return classes.take((scores > 0).astype(np.int64), axis=0)

    return predict


def _regressor(coefficients: Array, intercept: Any) -> Predict:
    factors = coefficients.T if coefficients.ndim == 2 else coefficients

    def predict(rows: Array) -> Array:
        scores: Array = rows @ factors + intercept
        return scores

    return predict


def _agree(predict: Predict, other: Predict, schema: Schema) -> bool:
    """Whether both give the same bytes for drawn rows."""
    generator = np.random.default_rng(0)
    for count in _TRIED_ROWS:
        drawn = generator.standard_normal((count, schema.features or 0)) * 10
        rows = drawn.astype(schema.dtype)
        ours, theirs = predict(rows), other(rows)
        if (ours.dtype, ours.tolist()) != (theirs.dtype, theirs.tolist()):
            return False
    return True
