"""The names of stored values.

    triscore:p:1:<64 hex digits>   a prediction: BLAKE2b-256 of everything that decides it
    triscore:r:1:<64 hex digits>   a result document: BLAKE2b-256 of its id

The number is the version of the layout: what is hashed, or how what is stored reads. A new one
leaves the old values to expire. Ids are hashed so that no key holds a space, a newline or a
megabyte of somebody's text.

A prediction's hash runs over these parts, in this order, each after its length in bytes (8
bytes, little-endian), so that parts which concatenate alike stay apart: model, script, method,
parameters, dtype, shape (decimal, joined by commas), data.
"""

from __future__ import annotations

from collections.abc import Buffer
from hashlib import blake2b

VERSION = 1
DIGEST_BYTES = 32


def prediction_key(
    *,
    model: bytes,
    script: bytes,
    method: str,
    parameters: str,
    dtype: str,
    shape: tuple[int, ...],
    data: Buffer,
) -> str:
    """Name a prediction. `model` and `script` are digests; `data` is any contiguous buffer.

    The data are hashed where they lie. Raises BufferError where the buffer has gaps.
    """
    axes = ",".join(map(str, shape))
    parts = (model, script, *map(_text, (method, parameters, dtype, axes)))
    digest = blake2b(digest_size=DIGEST_BYTES)
    for part in parts:
        digest.update(_length(len(part)))
        digest.update(part)
    with memoryview(data) as view:
        digest.update(_length(view.nbytes))
        digest.update(view)
    return f"triscore:p:{VERSION}:{digest.hexdigest()}"


def result_key(id: str) -> str:  # noqa: A002 - the field's name for it
    """Name a result document by the id of its message or request."""
    return f"triscore:r:{VERSION}:{blake2b(_text(id), digest_size=DIGEST_BYTES).hexdigest()}"


def _text(text: str) -> bytes:
    # Lone surrogates come in headers that were no UTF-8; they name things like any other text.
    return text.encode("utf-8", "surrogatepass")


def _length(count: int) -> bytes:
    return count.to_bytes(8, "little")
