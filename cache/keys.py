"""The names of stored values.

    triscore:p:2:<64 hex digits>   the prediction of a whole question
    triscore:w:2:<64 hex digits>   the prediction of one row, whatever stood around it
    triscore:r:2:<64 hex digits>   a result document: BLAKE2b-256 of its id
    triscore:r:2:<of no id>:last-tries   the ids of requests on their last try
    triscore:l:1:<key>             the lease of whoever computes what belongs under the key
    triscore:h:1                   what a health check writes, to see whether it may

The number is the version of the layout: what is hashed, or how what is stored reads. A new one
leaves the old values to expire. Ids are hashed so that no key holds a space, a newline or a
megabyte of somebody's text.

A prediction's name ends in the BLAKE2b-256 of everything that decides it: model, script, method,
parameters, dtype, shape (decimal, joined by commas), data. Each part is hashed after its length
in bytes (8 bytes, little-endian), so that parts which concatenate alike stay apart.
"""

from __future__ import annotations

from collections.abc import Buffer, Iterable
from functools import lru_cache
from hashlib import blake2b

VERSION = 2
LEASE_VERSION = 1
PROBE = "triscore:h:1"
DIGEST_BYTES = 32

#: Questions of one app differ in their data and in little else: what precedes it is hashed once.
KNOWN_PREFIXES = 256


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
    """Name the prediction of a question. `model` and `script` are digests.

    The data, any contiguous buffer, are hashed where they lie. Raises BufferError where they
    have gaps.
    """
    digest = _prefix(model, script, method, parameters, dtype, shape).copy()
    with memoryview(data) as view:
        digest.update(_length(view.nbytes))
        digest.update(view)
    return f"triscore:p:{VERSION}:{digest.hexdigest()}"


def row_keys(
    *,
    model: bytes,
    script: bytes,
    method: str,
    parameters: str,
    dtype: str,
    shape: tuple[int, ...],
    rows: Iterable[Buffer],
) -> list[str]:
    """Name the prediction of each row, as if it had come alone. `shape` is that of one row.

    Raises BufferError where a row has gaps.
    """
    prefix = _prefix(model, script, method, parameters, dtype, shape)
    name = f"triscore:w:{VERSION}:"
    keys = []
    size = -1
    for row in rows:
        view = memoryview(row)
        # Rows of numbers are all of one length; it is hashed when it changes.
        if view.nbytes != size:
            size = view.nbytes
            sized = prefix.copy()
            sized.update(_length(size))
        digest = sized.copy()
        digest.update(view)
        keys.append(name + digest.hexdigest())
    return keys


def result_key(id: str) -> str:  # noqa: A002 - the field's name for it
    """Name a result document by the id of its message or request."""
    return f"triscore:r:{VERSION}:{blake2b(_text(id), digest_size=DIGEST_BYTES).hexdigest()}"


def lease_key(key: str) -> str:
    """Name the lease of a key."""
    return f"triscore:l:{LEASE_VERSION}:{key}"


@lru_cache(KNOWN_PREFIXES)
def _prefix(
    model: bytes, script: bytes, method: str, parameters: str, dtype: str, shape: tuple[int, ...]
) -> blake2b:
    """The hash over all parts but the data. It is shared: copy it before going on."""
    axes = ",".join(map(str, shape))
    digest = blake2b(digest_size=DIGEST_BYTES)
    for part in (model, script, *map(_text, (method, parameters, dtype, axes))):
        digest.update(_length(len(part)))
        digest.update(part)
    return digest


def _text(text: str) -> bytes:
    # Lone surrogates come in headers that were no UTF-8; they name things like any other text.
    return text.encode("utf-8", "surrogatepass")


def _length(count: int) -> bytes:
    return count.to_bytes(8, "little")
