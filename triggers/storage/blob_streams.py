"""Blobs as files, read in parts and written in blocks. Blocking; raises AzureError alone."""

from __future__ import annotations

import io
import uuid
from collections.abc import Callable
from typing import Any, BinaryIO, cast

from azure.core import MatchConditions
from azure.core.exceptions import (
    AzureError,
    HttpResponseError,
    ResourceNotFoundError,
    ServiceResponseError,
)
from azure.storage.blob import (
    BlobBlock,
    BlobClient,
    BlobProperties,
    ContentSettings,
    StorageErrorCode,
)

from inference.rows.compression import compressor_of
from inference.rows.streams import Unclosed
from triggers.storage.storage_errors import error_code, storage_call

READ_BYTES = 4 * 1024 * 1024
BLOCK_BYTES = 4 * 1024 * 1024


class BlobReader:
    """The bytes of one version of a blob as they are stored, which may be compressed.

    The SDK would decompress its first range and, without an error, nothing after it.
    """

    def __init__(self, blob: BlobClient, etag: str | None = None) -> None:
        """Reads the first bytes: those of the version `etag`, or of the current one.

        Like reading, it raises ResourceModifiedError if the blob has been replaced.
        """
        version: dict[str, Any] = {}
        if etag is not None:
            version = {"etag": etag, "match_condition": MatchConditions.IfNotModified}
        with storage_call():
            download = blob.download_blob(max_concurrency=1, decompress=False, **version)
        self.properties: BlobProperties = download.properties
        self._size = self.properties.size
        self._download = _Download(download, self._size)
        self.stream = cast(BinaryIO, Unclosed(self._download, READ_BYTES))

    def position(self) -> int:
        """How many bytes were read."""
        return int(self._size - self._download.left)

    @property
    def fault(self) -> AzureError | None:
        """The error of storage. The reader of a format may have reported it as bad input."""
        return self._download.fault


class BlockWriter:
    """Stages bytes in blocks. The blob is not changed before `commit`.

    `create_container` gets the error of a missing blob or container. It returns whether it has
    created the container.
    """

    def __init__(
        self,
        blob: BlobClient,
        create_container: Callable[[ResourceNotFoundError], bool] = lambda _: False,
    ) -> None:
        self._blob, self._create_container = blob, create_container
        self._compressor = compressor_of("")
        self._buffer = bytearray()
        self._blocks: list[BlobBlock] = []
        #: Another attempt at the same blob may stage blocks at the same time.
        self._attempt = uuid.uuid4().hex
        self._is_compressed = False

    def compress(self, encoding: str) -> None:
        """Compress what is written: `gzip`, `zstd`, or "" for not at all."""
        self._compressor = compressor_of(encoding)
        self._is_compressed = bool(encoding)

    @property
    def staged(self) -> list[str] | None:
        """The blocks that hold all that was written; None if there is more than they hold."""
        if self._buffer or self._is_compressed:
            return None
        return [block.id for block in self._blocks]

    def go_on(self, staged: list[str]) -> bool:
        """Write behind the blocks of an earlier attempt. False if they are not there any more."""
        with storage_call():
            try:
                _, uncommitted = self._blob.get_block_list("uncommitted")
            except ResourceNotFoundError:
                return False
        if not set(staged) <= {block.id for block in uncommitted}:
            return False
        self._blocks = [BlobBlock(name) for name in staged]
        return True

    def write(self, content: bytes) -> None:
        self._buffer += self._compressor.compress(content)
        if len(self._buffer) >= BLOCK_BYTES:
            self._stage()

    def commit(self, content_type: str, **conditions: Any) -> str:
        """Replace the blob by what was written. Returns its ETag.

        May be called again after an error. `conditions`: the SDK's, on the blob's ETag.
        """
        self._buffer += self._compressor.flush()
        self._compressor = compressor_of("")  # it is not flushed again
        if not self._blocks:  # a single request is enough
            return upload(self._blob, bytes(self._buffer), content_type, **conditions)
        if self._buffer:
            self._stage()
        with storage_call():
            try:
                committed = self._blob.commit_block_list(
                    self._blocks,
                    content_settings=ContentSettings(content_type=content_type),
                    **conditions,
                )
            except HttpResponseError as error:
                if error_code(error) != StorageErrorCode.INVALID_BLOCK_LIST.value:
                    raise
                # Another attempt has written the blob, which deletes all that is staged.
                raise ServiceResponseError("the staged blocks are gone") from error
        return str(committed["etag"])

    def _stage(self) -> None:
        name = f"{self._attempt}-{len(self._blocks):06d}"
        content = bytes(self._buffer)
        with storage_call():
            try:
                self._blob.stage_block(name, content)
            except ResourceNotFoundError as error:
                if not self._create_container(error):
                    raise
                self._blob.stage_block(name, content)
        self._blocks.append(BlobBlock(name))
        self._buffer.clear()


def upload(blob: BlobClient, content: bytes, content_type: str, **conditions: Any) -> str:
    """Replace a blob. Returns its ETag. `conditions`: as for BlockWriter.commit."""
    if conditions.get("match_condition") == MatchConditions.IfMissing:
        conditions = {}  # which is what the SDK asks for if it must not overwrite
        overwrite = False
    else:
        overwrite = True
    with storage_call():
        written = blob.upload_blob(
            content,
            overwrite=overwrite,
            content_settings=ContentSettings(content_type=content_type),
            **conditions,
        )
    return str(written["etag"])


class _Download(io.RawIOBase):
    """The SDK's download as a raw stream, for io.BufferedReader."""

    def __init__(self, download: Any, size: int) -> None:
        self._download, self.left = download, size
        self.fault: AzureError | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            with storage_call():
                content = self._download.read(len(buffer))
                self.left -= len(content)
                if not content and self.left:
                    raise ServiceResponseError(f"the blob ended {self.left} bytes early")
        except AzureError as error:
            self.fault = error
            raise
        buffer[: len(content)] = content
        return len(content)
