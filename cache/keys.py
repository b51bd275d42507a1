"""The keys of stored values.

    triscore:p:2:<64 hex digits>   the prediction of a whole request
    triscore:w:2:<64 hex digits>   the prediction of one row, whatever other rows came with it
    triscore:r:2:<64 hex digits>   a result document: BLAKE2b-256 of its id
    triscore:r:2:<of no id>:last-tries   the ids of requests on their last try
    triscore:l:1:<key>             the lease of the process that computes the value of the key
    triscore:h:1                   what a health check writes, to learn whether it may

The number is the version of the layout, which covers what is hashed and the format of the value.
Values of an old version are left to expire. Ids are hashed so that no key holds a space, a newline
or a megabyte of text.

The key of a prediction ends in the BLAKE2b-256 of all its inputs: model, script, method,
parameters, dtype, shape (decimal, joined by commas), data. Each part is hashed after its length in
bytes (8 bytes, little-endian), so that parts which concatenate alike have different keys.
"""

from __future__ import annotations

from collections.abc import Buffer, Iterable
from functools import lru_cache
from hashlib import blake2b

VERSION = 2
LEASE_VERSION = 1
PROBE = "triscore:h:1"
DIGEST_BYTES = 32

#: Requests to one app differ in their data and in little else: the parts before it are hashed once.
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
    """The key of the prediction of a whole request. `model` and `script` are digests.

    `data` is a contiguous buffer and is not copied. Raises BufferError if it is not contiguous.
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
    """The key of the prediction of each row, as if it came alone. `shape` is that of one row.

    Raises BufferError if a row is not contiguous.
    """
    prefix = _prefix(model, script, method, parameters, dtype, shape)
    name = f"triscore:w:{VERSION}:"
    keys = []
    size = -1
    for row in rows:
        view = memoryview(row)
        # Rows of numbers have one length: it is hashed once.
        if view.nbytes != size:
            size = view.nbytes
            sized = prefix.copy()
            sized.update(_length(size))
        digest = sized.copy()
        digest.update(view)
        keys.append(name + digest.hexdigest())
    return keys


def result_key(id: str) -> str:  # noqa: A002 - the field's name for it
    """The key of a result document, by the id of its message or request."""
    return f"triscore:r:{VERSION}:{blake2b(_text(id), digest_size=DIGEST_BYTES).hexdigest()}"


def lease_key(key: str) -> str:
    """The key of the lease of a key."""
    return f"triscore:l:{LEASE_VERSION}:{key}"


@lru_cache(KNOWN_PREFIXES)
def _prefix(
    model: bytes, script: bytes, method: str, parameters: str, dtype: str, shape: tuple[int, ...]
) -> blake2b:
    """The hash of all parts but the data. It is shared: copy it before you update it."""
    axes = ",".join(map(str, shape))
    digest = blake2b(digest_size=DIGEST_BYTES)
    for part in (model, script, *map(_text, (method, parameters, dtype, axes))):
        digest.update(_length(len(part)))
        digest.update(part)
    return digest


def _text(text: str) -> bytes:
    # A header that is not UTF-8 holds lone surrogates. They are text like any other.
    return text.encode("utf-8", "surrogatepass")


def _length(count: int) -> bytes:
    return count.to_bytes(8, "little")
