"""What the first request for a blob brings: its properties, and its first bytes with them."""

from __future__ import annotations

import asyncio
from typing import Self

from azure.core.exceptions import (
    AzureError,
    ResourceModifiedError,
    ResourceNotFoundError,
    ServiceResponseError,
)
from azure.storage.blob import BlobClient, BlobProperties

from triggers.blob_trigger.blob_work import BlobWork
from triggers.storage.blob_streams import BlobReader
from triggers.storage.storage_errors import BlobChanged, BlobGone
from triggers.storage.storage_threads import BlobThreads

#: A blob of no more bytes is taken to be the first of its name, which saves two requests. If it
#: isn't, its output is written twice.
SMALL_BYTES = 1024 * 1024


class FirstRead:
    """The first try of a call reads on from here. A later one opens a reader of its own."""

    def __init__(self, properties: BlobProperties, reader: BlobReader | None) -> None:
        self.properties = properties
        self._reader = reader

    def __repr__(self) -> str:
        return f"<FirstRead {self.properties.name} {'open' if self._reader else 'taken'}>"

    @classmethod
    async def of(cls, source: BlobClient, threads: BlobThreads) -> Self:
        """Of the current version. Raises AzureError, BlobGone.

        A blob that can't be read has its properties alone: an attempt at it must be counted before
        it fails.
        """
        try:
            try:
                reader = await threads.storage(BlobReader, source)
                read = cls(reader.properties, reader)
            except ResourceNotFoundError:
                raise
            except AzureError:
                read = cls(await threads.storage(source.get_blob_properties), None)
        except ResourceNotFoundError as error:
            raise BlobGone from error
        if not read.properties.etag:
            raise ServiceResponseError("a response without an ETag")
        return read

    def take_reader(self) -> BlobReader | None:
        """The reader, once."""
        reader, self._reader = self._reader, None
        return reader

    async def begin(self, work: BlobWork, threads: BlobThreads) -> BlobReader:
        """Open the blob, and note what its output is. Raises AzureError, BlobChanged."""
        reader = self.take_reader()
        if reader is not None and work.properties.size <= SMALL_BYTES:
            work.output.expect_none()
            return reader
        noted = threads.storage(work.output.begin)
        if reader is not None:
            await noted
            return reader
        opened, _ = await asyncio.gather(_open(work, threads), noted)
        return opened


async def _open(work: BlobWork, threads: BlobThreads) -> BlobReader:
    try:
        return await threads.storage(BlobReader, work.source, work.properties.etag)
    except AzureError as error:
        raise unless_changed(error) from error


def unless_changed(error: AzureError) -> Exception:
    """BlobChanged if the version is gone, else the error."""
    changed = isinstance(error, ResourceModifiedError | ResourceNotFoundError)
    return BlobChanged() if changed else error
