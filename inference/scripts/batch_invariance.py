"""Whether a model answers a row alike, bit by bit, alone and in company.

Most do: trees, neighbours, labels. But where sums of floats are the answer, linear algebra takes
another path for one row than for many, and the last digits differ. Such a model answers each
request as a whole: an answer must not depend on who else asked, nor on what was cached.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import numpy as np

from inference.models.answers import encode_by_row
from inference.rows.row_types import Array

log = logging.getLogger(__name__)

#: Sizes of company that meet the edges of vectorised kernels.
BATCH_SIZES = (2, 3, 5, 8, 16)


def is_batch_invariant(answer: Callable[[Array], Any], rows: Array) -> bool:
    """Ask for rows alone and together. `rows`: shape (at least one, features)."""
    if not len(rows):
        return False
    tried = np.arange(max(BATCH_SIZES)) % len(rows)
    try:
        alone = [encode_by_row(answer(rows[row : row + 1]))[0] for row in range(tried.max() + 1)]
        return all(
            encode_by_row(answer(rows[tried[:size]])) == [alone[row] for row in tried[:size]]
            for size in BATCH_SIZES
        )
    except Exception as error:  # noqa: BLE001 - whatever it is, such a model is not asked in company
        log.info("rows are not independent: %s", type(error).__name__)
        return False
