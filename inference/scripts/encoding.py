"""An estimator's answers as JSON, row by row."""

from __future__ import annotations

from typing import Any

import numpy as np

from inference.rows.codecs import json_codec

#: Of these a list of them has a comma between two and nowhere else.
_PLAIN_KINDS = frozenset("iufb")


def by_row_as_json(answer: Any) -> list[bytes]:
    """Each item of an array or list, in the bytes that it has in the JSON of the whole."""
    if isinstance(answer, np.ndarray) and answer.ndim == 1 and answer.dtype.kind in _PLAIN_KINDS:
        whole = json_codec.dumps(answer)
        return whole[1:-1].split(b",") if len(answer) else []
    if isinstance(answer, np.ndarray) and answer.ndim == 1:
        answer = answer.tolist()
    return [json_codec.dumps(item) for item in answer]
