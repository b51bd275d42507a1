"""The trees within an estimator of scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np


def trees(estimator: Any) -> list[Any]:
    """Those of a tree or an ensemble, also at a pipeline's end; in the order that it asks them."""
    if hasattr(estimator, "steps"):
        estimator = estimator[-1]
    members = np.ravel(np.array(getattr(estimator, "estimators_", [estimator]), dtype=object))
    return [member.tree_ for member in members if hasattr(member, "tree_")]
