"""Writes a blob in blocks. Blocking; raises AzureError alone."""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import (
    HttpResponseError,
    ResourceNotFoundError,
    ServiceResponseError,
)
from azure.storage.blob import BlobBlock, BlobClient, ContentSettings, StorageErrorCode

from inference.rows.compression import compressor_of
from triggers.storage.storage_errors import error_code, storage_call
from triggers.storage.storage_threads import TRANSFERS

BLOCK_BYTES = 4 * 1024 * 1024
#: Blocks that are staged at the same time. Each one takes memory.
MAX_UNDER_WAY = 2


class BlockWriter:
    """Stages bytes in blocks, by other threads. The blob is not changed before `commit`.

    An error of a block is raised by a later call, and by each one after it.

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
        #: The last ones, which may not be staged yet.
        self._under_way: deque[Future[None]] = deque()
        #: Another attempt at the same blob may stage blocks at the same time.
        self._attempt = uuid.uuid4().hex
        self._is_compressed = False

    def compress(self, encoding: str) -> None:
        """Compress what is written: `gzip`, `zstd`, or "" for not at all."""
        self._compressor = compressor_of(encoding)
        self._is_compressed = bool(encoding)

    def staged(self) -> list[str] | None:
        """The blocks that hold all that was written; None if there is more than they hold."""
        if self._buffer or self._is_compressed:
            return None
        self._wait_for_blocks(0)
        return [block.id for block in self._blocks]

    def resume(self, staged: list[str]) -> bool:
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

    def commit(
        self, content_type: str, *, metadata: Mapping[str, str] | None = None, **conditions: Any
    ) -> str:
        """Replace the blob by what was written. Returns its ETag.

        May be called again after an error. `conditions`: the SDK's, on the blob's ETag.
        """
        self._buffer += self._compressor.flush()
        self._compressor = compressor_of("")  # it is not flushed again
        if not self._blocks:  # a single request is enough
            content = bytes(self._buffer)
            return upload(self._blob, content, content_type, metadata=metadata, **conditions)
        if self._buffer:
            self._stage()
        self._wait_for_blocks(0)
        with storage_call():
            try:
                committed = self._blob.commit_block_list(
                    self._blocks,
                    content_settings=ContentSettings(content_type=content_type),
                    metadata=dict(metadata or {}),
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
        self._under_way.append(TRANSFERS.submit(self._put, name, bytes(self._buffer)))
        self._blocks.append(BlobBlock(name))
        self._buffer.clear()
        self._wait_for_blocks(MAX_UNDER_WAY)

    def _wait_for_blocks(self, count: int) -> None:
        """Wait until no more than `count` are under way."""
        while len(self._under_way) > count:
            self._under_way[0].result()
            self._under_way.popleft()

    def _put(self, name: str, content: bytes) -> None:
        # The account verifies the content by its MD5. For a block without one, Azurite computes
        # another checksum, which takes four times as long.
        with storage_call():
            try:
                self._blob.stage_block(name, content, validate_content=True)
            except ResourceNotFoundError as error:
                if not self._create_container(error):
                    raise
                self._blob.stage_block(name, content, validate_content=True)


def upload(
    blob: BlobClient,
    content: bytes,
    content_type: str,
    *,
    metadata: Mapping[str, str] | None = None,
    **conditions: Any,
) -> str:
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
            metadata=dict(metadata or {}),
            **conditions,
        )
    return str(written["etag"])
