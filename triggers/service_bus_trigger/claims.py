"""Claim checks: a message that names a blob with its rows instead of carrying them.

The name is in the application property `claim_blob` of a message without a body, or alone in a
JSON body: `{"claim_blob": "rows.csv"}`. It names a blob in CLAIM_CONTAINER and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import unquote

import orjson

from inference.errors import MalformedInput

CLAIM = "claim_blob"
#: The storage service's limit, in characters.
MAX_NAME = 1024
#: A body that names a blob has at most so many bytes, and `claim_blob` within the first ones.
_MAX_BODY, _NEAR = 8 * MAX_NAME, 64
_WORD = f'"{CLAIM}"'.encode()

_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")
#: Segments of a path that lead out of the container, or to the container itself.
_OUTSIDE = frozenset({"", ".", ".."})
_MAX_PRINTED = 60


def find_name(properties: Mapping[str, str], body: bytes) -> str | None:
    """The name of the message's blob; None for a message that carries its rows.

    `properties`: by lower-case name. Raises MalformedInput for a name of no blob.
    """
    if CLAIM not in properties:
        named = _read_name(body) if _WORD in body[:_NEAR] else None
        return None if named is None else _validate_name(named)
    if body.strip():
        raise MalformedInput(
            f"{CLAIM}: expected a message without a body, got {len(body):,} bytes beside the"
            " property; send the rows or the blob's name"
        )
    return _validate_name(properties[CLAIM])


def make_body(name: str) -> bytes:
    """A body that names the blob.

    It stands for the request also if a property named the blob: an id belongs to one content.
    """
    return orjson.dumps({CLAIM: name})


def printable_name(name: str) -> str:
    """The name as error messages have it: short, and without the signature that a URL may have."""
    return name.partition("?")[0][:_MAX_PRINTED]


def _read_name(body: bytes) -> object:
    """The value under `claim_blob` if the body has nothing else; None for any other body."""
    if len(body) > _MAX_BODY:
        return None
    try:
        read = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return read[CLAIM] if isinstance(read, dict) and list(read) == [CLAIM] else None


def _validate_name(name: object) -> str:
    """The name, if it can be a blob's. Raises MalformedInput.

    Clients and servers resolve `.` and `..`, some of them in `%2e` or behind a backslash, too.
    """
    if isinstance(name, str) and 0 < len(name) <= MAX_NAME and not _CONTROLS.search(name):
        segments = unquote(name).replace("\\", "/").split("/")
        if _OUTSIDE.isdisjoint(segments):
            return name
    got = f'"{printable_name(name)}"' if isinstance(name, str) else "no text"
    raise MalformedInput(
        f"{CLAIM}: expected the name of a blob in the container of claims, like rows.csv or"
        f" 2026/rows.csv, got {got}"
    )
