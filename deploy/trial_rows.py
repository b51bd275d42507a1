"""Rows to test a conversion on: from the ranges of the golden rows, and near thresholds of trees.

The same rows each time, so that a proof can be repeated.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from deploy.conversion import trees
from inference.rows import coercion
from inference.rows.row_types import Array, Values
from inference.rows.schema import ColumnType, Schema
from inference.rows.typed_rows import TypedRows

#: Rows of each kind.
ROWS = 2_000
#: How far numbers exceed the range of the golden rows, as a share of it.
MARGIN = 0.1
#: The share of missing cells, if the model accepts any.
MISSING = 0.2

_SEPARATORS = (" ", " ", " ", ", ", ". ", "-", "'", "\n", "_", "/")
_ODD_WORDS = ("a", "I", "42", "3.14", "naïve", "ÉTÉ", "straße", "don't", "x-ray", "日本", "&", "")
#: A text that is in no training set.
_UNSEEN = "triscore has not seen this"


def draw(golden: Values, schema: Schema, estimator: Any) -> Values:
    """Rows of the shape (rows, features), with cells like those of `golden`."""
    if isinstance(golden, TypedRows):
        cells = np.array(coercion.json_cells(golden, schema), object)
        cells[cells == None] = np.nan  # noqa: E711 - of each cell
        drawn = _draw(cells, schema, estimator).tolist()
        rows = [[None if cell != cell else cell for cell in row] for row in drawn]  # noqa: PLR0124
        taking = schema.allowing_missing()
        return coercion.coerce_rows(rows, taking, text=False).require_valid()
    return _draw(golden, schema, estimator)


def _draw(golden: Array, schema: Schema, estimator: Any) -> Array:
    random = np.random.default_rng(0)
    if schema.kind == "texts":
        return _texts(golden[:, 0].tolist(), random)
    rows = _mixed(golden, schema.types or (), random)
    parts = [golden, rows]
    if schema.kind == "array":
        parts.append(_beside_thresholds(rows, estimator, random))
    whole = np.concatenate(parts)
    allowed = [column.missing for column in schema.columns or ()] or [schema.allows_missing]
    if any(allowed):
        gaps = whole.astype(np.float64) if whole.dtype.kind in "iu" else whole.copy()
        gaps[(random.random(gaps.shape) < MISSING) & np.array(allowed)] = np.nan
        whole = np.concatenate([whole, gaps])
    return whole


def _mixed(golden: Array, types: Sequence[ColumnType], random: np.random.Generator) -> Array:
    """ROWS rows of cells that are drawn column by column. `types`: none for numbers."""
    known = types or ["number"] * golden.shape[1]
    columns = [_column(golden[:, at], kind, random) for at, kind in enumerate(known)]
    return np.stack(columns, axis=1)


def _column(cells: Array, kind: ColumnType, random: np.random.Generator) -> Array:
    """Cells drawn from a column. If they are numbers, half are drawn from their range instead; of
    whole numbers not beyond it, because their dtype may end there.
    """
    present = cells[cells == cells]  # noqa: PLR0124 - no NaN, also among objects
    if not len(present):
        return np.full(ROWS, np.nan, dtype=cells.dtype)
    drawn = random.choice(present, ROWS)
    half = slice(ROWS // 2)
    if kind == "text":
        drawn[random.random(ROWS) < MARGIN] = _UNSEEN
    elif kind == "integer" or cells.dtype.kind in "iu":
        least, most = int(min(present)), int(max(present))
        dtype = np.uint64 if least >= 0 else np.int64
        drawn[half] = random.integers(least, most, ROWS // 2, dtype, endpoint=True).tolist()
    elif kind == "number":
        low, high = float(min(present)), float(max(present))
        margin = MARGIN * (high - low or 1.0)
        drawn[half] = random.uniform(low - margin, high + margin, ROWS // 2)
    return drawn


def _beside_thresholds(rows: Array, estimator: Any, random: np.random.Generator) -> Array:
    """`rows`, with two thirds of the cells at or next to a threshold of the model's trees.

    If the trees are the last step of a pipeline, the rows are transformed back through the others.
    No rows without trees, or if a step has no inverse.
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
    """The thresholds of each feature, of all trees."""
    found: dict[int, list[Array]] = {}
    for tree in trees(estimator):
        for feature in set(tree.feature[tree.feature >= 0].tolist()):
            found.setdefault(feature, []).append(tree.threshold[tree.feature == feature])
    return {feature: np.concatenate(each) for feature, each in found.items()}


def _beside(thresholds: Array, cells: Array, random: np.random.Generator) -> Array:
    """A random mix of the cells, thresholds, and the neighbours of these in float32 and float64."""
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
    """Golden texts, and random texts of their words."""
    words = [word for text in golden for word in text.split()] + list(_ODD_WORDS)
    made = []
    for _ in range(ROWS):
        some = random.choice(words, random.integers(0, 12)).tolist()
        text = str(random.choice(_SEPARATORS)).join(some)
        made.append(text.upper() if random.random() < MARGIN else text)
    texts = np.empty((len(golden) + len(made), 1), dtype=object)
    texts[:, 0] = [*golden, *made]
    return texts
