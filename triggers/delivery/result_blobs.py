"""Results that a message can't carry, as blobs of the output container.

Such a result is written before any document names it. Its name holds a hash of its bytes: writing
it again changes nothing, and each document names exactly the result that was made for it.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Mapping
from functools import partial
from typing import Any, Self

import orjson

from inference.errors import Overloaded
from inference.request import Answer
from inference.results import result_document
from inference.rows import media_types
from inference.serving.request_bodies import RequestBodies
from triggers.retry import Retry
from triggers.storage.lazy_container import LazyContainer

FOLDER = "results"
#: Seconds for which an unavailable account is retried. The input is delivered again then.
RETRY_S = 5.0
#: Bytes of memory for a byte of a result: the blob's, and those of the document made of it.
MEMORY_PER_BYTE = 3
#: Characters of a request's id in the name of its result.
_ID_CHARACTERS = 60
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")
_ENDINGS = {form: ending for ending, form in reversed(media_types.BY_ENDING.items())}


class ResultBlobs:
    def __init__(self, container: LazyContainer, *, retry: Retry | None = None) -> None:
        self._container = container
        self._retry = retry or Retry(max_s=RETRY_S)

    @classmethod
    def connected(cls, env: Mapping[str, str], container: str) -> Self:
        """`env` holds the settings of the storage account, which are read when it is first used."""
        return cls(LazyContainer(env, container))

    def __repr__(self) -> str:
        return f"<ResultBlobs {self._container!r}>"

    @property
    def is_configured(self) -> bool:
        """Whether the settings name a storage account."""
        return self._container.is_configured

    async def write(self, request_id: str, answer: Answer) -> dict[str, object]:
        """Write a result. Returns what the document says of it: the field `result_blob`.

        Raises Overloaded, InternalError.
        """
        content, content_type, name = await asyncio.to_thread(_prepare, request_id, answer)
        await self._retry.run(
            partial(self._container.write, name, content, content_type), retryable=_may_pass
        )
        return {
            "container": self._container.name,
            "blob": name,
            "bytes": len(content),
            "content_type": content_type,
        }

    async def fill(self, document: bytes, bodies: RequestBodies) -> bytes | None:
        """A result document with its result, if that is in a blob. None if the blob is gone.

        The result counts as a body in work while it is read and the document is made.
        Raises Overloaded, InternalError.
        """
        if b'"result_blob"' not in document:
            return document
        read: dict[str, Any] = orjson.loads(document)
        place = read.get("result_blob")
        if not place or place["container"] != self._container.name:
            return document
        found = await self._container.properties(place["blob"])
        if found is None:
            return None
        hold = await bodies.take(MEMORY_PER_BYTE * found.size)
        async with self._container.opened(place["blob"], found, hold) as content:
            return await asyncio.to_thread(
                result_document.with_result, read, content, place["content_type"]
            )


def _prepare(request_id: str, answer: Answer) -> tuple[bytes, str, str]:
    """The content of a result's blob, its type and the blob's name."""
    content, content_type = result_document.content_of(answer)
    digest = hashlib.blake2b(content, digest_size=16).hexdigest()
    readable = _UNSAFE.sub("-", request_id[:_ID_CHARACTERS]).strip("-") or "result"
    kind = media_types.essence(content_type)
    ending = _ENDINGS.get(kind) or (".txt" if kind.startswith("text/") else ".bin")
    return content, content_type, f"{FOLDER}/{readable}-{digest}{ending}"


def _may_pass(error: Exception) -> bool:
    return isinstance(error, Overloaded)
