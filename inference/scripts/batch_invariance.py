"""Batch invariance: whether a model gives a row the same bits alone and in a batch.

Most models do: trees, neighbours, and all that answer with labels. Where the answer is a sum of
floats, linear algebra adds in another order for one row than for many, and the last digits differ.
Such a model answers each request as a whole, because an answer must not depend on the rows of
other requests, nor on what was cached.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import numpy as np

from inference.models.answers import encode_by_row
from inference.rows.row_types import Values

log = logging.getLogger(__name__)

#: Batch sizes at the edges of vectorised kernels.
BATCH_SIZES = (2, 3, 5, 8, 16)


def is_batch_invariant(answer: Callable[[Values], Any], rows: Values) -> bool:
    """Ask for rows alone and in batches. `rows`: shape (rows, features); False for no row."""
    if not len(rows):
        return False
    tried = np.arange(max(BATCH_SIZES)) % len(rows)
    try:
        alone = [encode_by_row(answer(rows[row : row + 1]))[0] for row in range(tried.max() + 1)]
        return all(
            encode_by_row(answer(rows[tried[:size]])) == [alone[row] for row in tried[:size]]
            for size in BATCH_SIZES
        )
    except Exception as error:  # noqa: BLE001 - a model may raise anything; it then gets no batches
        log.info("rows are not independent: %s", type(error).__name__)
        return False
