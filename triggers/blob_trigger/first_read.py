"""What the first request for a blob brings: its properties, and its first bytes with them."""

from __future__ import annotations

from typing import Self

from azure.core.exceptions import AzureError, ResourceNotFoundError, ServiceResponseError
from azure.storage.blob import BlobClient, BlobProperties

from triggers.storage.blob_streams import BlobReader
from triggers.storage.storage_errors import BlobGone
from triggers.storage.storage_threads import BlobThreads


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
