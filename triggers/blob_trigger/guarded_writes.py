"""Writes an output only while its blob has no newer version."""

from __future__ import annotations

from collections.abc import Callable

from azure.core.exceptions import (
    ResourceModifiedError,
    ResourceNotFoundError,
    ServiceResponseError,
)

from triggers.blob_trigger.blob_work import BlobWork
from triggers.storage.storage_errors import BlobChanged
from triggers.storage.storage_threads import BlobThreads

#: How often an output is written again because another call has written it in between.
MAX_WRITES = 5


async def write_unless_replaced[T](
    threads: BlobThreads,
    work: BlobWork,
    write: Callable[[], T],
    *,
    known: bool = False,
    check: Callable[[], object] = lambda: None,
) -> T:
    """Write a part of the output, unless there is a newer version of the blob.

    `known`: it is known that there is none. `check` may refuse what `begin` found. A write fails if
    another call has written since `begin`. Then what it wrote is noted first, and the version is
    checked after that: the output of a newer version is never overwritten.
    """
    for number in range(MAX_WRITES):
        if number or not known:
            await _require_current(threads, work)
        check()
        try:
            return await threads.storage(write)
        except ResourceModifiedError:
            await threads.storage(work.output.begin)
    raise ServiceResponseError("others write the same output again and again")


async def _require_current(threads: BlobThreads, work: BlobWork) -> None:
    """Raises BlobChanged."""
    try:
        properties = await threads.storage(work.source.get_blob_properties)
    except ResourceNotFoundError:
        return  # it was deleted after it was read: there is no newer version
    if properties.etag != work.properties.etag:
        raise BlobChanged
