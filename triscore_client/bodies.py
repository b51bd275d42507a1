"""Rows as the body of a request."""

from __future__ import annotations

import io
import json
from typing import Any


def body_of(rows: Any, content_type: str | None) -> tuple[bytes, str]:
    """The body and its type, in the format that keeps the types of the rows.

    `rows`: bytes with their content type, a DataFrame (sent as Parquet), an array of shape (rows,
    features) (as .npy), or what JSON can hold: a list of rows, of records or of texts.
    """
    if isinstance(rows, bytes | bytearray | memoryview):
        if content_type is None:
            raise TypeError("bytes need a content_type, for example 'text/csv'")
        return bytes(rows), content_type
    if hasattr(rows, "to_parquet"):
        return rows.to_parquet(None, index=False), "application/vnd.apache.parquet"
    if hasattr(rows, "__array_interface__"):
        import numpy as np  # noqa: PLC0415 - only who has an array needs it

        file = io.BytesIO()
        np.save(file, rows, allow_pickle=False)
        return file.getvalue(), "application/x-npy"
    return json.dumps(rows).encode(), "application/json"
