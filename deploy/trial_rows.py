"""Rows to try a model with: from its golden rows' ranges, and about the thresholds of its trees.

The same rows each time, so that a proof can be repeated.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from deploy.trees import trees
from inference.rows import coercion
from inference.rows.row_types import Array, Values
from inference.rows.schema import Schema
from inference.rows.typed_rows import TypedRows

#: Of each kind.
ROWS = 2_000
#: How far beyond the golden rows' range, as a part of it.
MARGIN = 0.1
#: Of the cells, where some may be missing.
MISSING = 0.2

_SEPARATORS = (" ", " ", " ", ", ", ". ", "-", "'", "\n", "_", "/")
_ODD_WORDS = ("a", "I", "42", "3.14", "naïve", "ÉTÉ", "straße", "don't", "x-ray", "日本", "&", "")
#: A text that no model has seen.
_UNSEEN = "triscore has not seen this"


def draw(golden: Values, schema: Schema, estimator: Any) -> Values:
    """Rows of the shape (rows, features), with cells such as those of `golden`."""
    if isinstance(golden, TypedRows):
        return coercion.coerce_objects(_draw(golden.objects(), schema, estimator), schema)
    return _draw(golden, schema, estimator)


def _draw(golden: Array, schema: Schema, estimator: Any) -> Array:
    random = np.random.default_rng(0)
    if schema.kind == "texts":
        return _texts(golden[:, 0].tolist(), random)
    columns = [_column(golden[:, at], random) for at in range(golden.shape[1])]
    rows = np.stack(columns, axis=1)
    parts = [golden, rows]
    if schema.kind == "array":
        parts.append(_beside_thresholds(rows, estimator, random))
    whole = np.concatenate(parts)
    if schema.allows_missing:
        gaps = whole.astype(np.float64) if whole.dtype.kind in "iu" else whole.copy()
        gaps[random.random(gaps.shape) < MISSING] = np.nan
        whole = np.concatenate([whole, gaps])
    return whole


def _column(cells: Array, random: np.random.Generator) -> Array:
    """Half of the cells as they are, and where they are numbers, half from their range."""
    present = cells[cells == cells]  # noqa: PLR0124 - no NaN, also among objects
    if not len(present):
        return np.full(ROWS, np.nan, dtype=cells.dtype)
    drawn = random.choice(present, ROWS)
    if isinstance(present[0], str):
        drawn[random.random(ROWS) < MARGIN] = _UNSEEN
    elif not isinstance(present[0], bool):
        low, high = float(min(present)), float(max(present))
        margin = MARGIN * (high - low or 1.0)
        drawn[: ROWS // 2] = random.uniform(low - margin, high + margin, ROWS // 2)
    return drawn


def _beside_thresholds(rows: Array, estimator: Any, random: np.random.Generator) -> Array:
    """`rows`, with two thirds of the cells at or beside a threshold of the model's trees.

    Where the trees are the end of a pipeline, their rows are traced back to its beginning. None
    where there are no trees, or they can't be traced back.
    """
    before = estimator[:-1] if len(getattr(estimator, "steps", ())) > 1 else None
    thresholds = _thresholds(estimator)
    try:
        inner = rows.copy() if before is None else np.array(before.transform(rows))
        for feature, found in thresholds.items():
            inner[:, feature] = _beside(found, inner[:, feature], random)
        traced = inner if before is None else before.inverse_transform(inner)
    except (AttributeError, ValueError, TypeError, IndexError):
        return rows[:0]
    return np.asarray(traced) if thresholds else rows[:0]


def _thresholds(estimator: Any) -> dict[int, Array]:
    """Those of each feature, over all trees."""
    found: dict[int, list[Array]] = {}
    for tree in trees(estimator):
        for feature in set(tree.feature[tree.feature >= 0].tolist()):
            found.setdefault(feature, []).append(tree.threshold[tree.feature == feature])
    return {feature: np.concatenate(each) for feature, each in found.items()}


def _beside(thresholds: Array, cells: Array, random: np.random.Generator) -> Array:
    """Cells, thresholds, and their neighbours in float32 and float64, by turns."""
    at = random.choice(thresholds, len(cells))
    single = at.astype(np.float32)
    choices = [
        cells,
        cells,
        cells,
        at,
        single,
        np.nextafter(single, np.float32(np.inf)),
        np.nextafter(single, np.float32(-np.inf)),
        np.nextafter(at, np.inf),
        np.nextafter(at, -np.inf),
    ]
    picked: Array = np.choose(random.integers(0, len(choices), len(cells)), choices)
    return picked


def _texts(golden: list[str], random: np.random.Generator) -> Array:
    """Golden texts, and their words in other orders, cases and company."""
    words = [word for text in golden for word in text.split()] + list(_ODD_WORDS)
    made = []
    for _ in range(ROWS):
        some = random.choice(words, random.integers(0, 12)).tolist()
        text = str(random.choice(_SEPARATORS)).join(some)
        made.append(text.upper() if random.random() < MARGIN else text)
    texts = np.empty((len(golden) + len(made), 1), dtype=object)
    texts[:, 0] = [*golden, *made]
    return texts
