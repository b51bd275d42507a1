"""Estimators within an estimator: which of them gets the rows as they came."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

#: Where a search, a calibration, an ensemble or another wrapper keeps a fitted estimator that it
#: calls with its own rows.
_WITHIN = ("best_estimator_", "regressor_", "estimator_", "estimators_", "estimator")


def innermost(estimator: Any) -> Any:
    """The first estimator that works on the rows itself: the first step of a pipeline, the
    estimator in a GridSearchCV.
    """
    while (inner := within(estimator) or first_step(estimator)) is not None:
        estimator = inner
    return estimator


def first_step(estimator: Any) -> Any:
    """The first step of a pipeline or part of a union that does something; None without any."""
    steps = getattr(estimator, "steps", None) or getattr(estimator, "transformer_list", None) or ()
    named = [each for _, each in steps if not isinstance(each, str) and each is not None]
    return named[0] if named else None


def within(estimator: Any) -> Any:
    """The fitted estimator that a wrapper calls with its own rows; None if it is no wrapper."""
    if hasattr(estimator, "support_"):  # RFE gives it some of the columns only
        return None
    calibrated = getattr(estimator, "calibrated_classifiers_", None)
    if calibrated:
        return calibrated[0].estimator
    for name in _WITHIN:
        found = getattr(estimator, name, None)
        found = found[0] if isinstance(found, Sequence) and found else found
        if hasattr(found, "fit"):
            return found
    return None


def input_tags(estimator: object) -> Any:
    """What an estimator says that it takes; None of one that is not scikit-learn's."""
    from sklearn.utils import get_tags  # noqa: PLC0415 - loaded with the model, not before

    try:
        return get_tags(estimator).input_tags
    except (AttributeError, TypeError):
        return None
