"""Blobs as files: read part by part, written as staged blocks that appear whole or not at all."""

from __future__ import annotations

import io
import uuid
from typing import Any, BinaryIO, cast

from azure.core import MatchConditions
from azure.storage.blob import BlobBlock, BlobClient, ContentSettings

READ_BYTES = 1024 * 1024
BLOCK_BYTES = 4 * 1024 * 1024


def reader(blob: BlobClient, *, etag: str) -> BinaryIO:
    """The blob's bytes while it is the version that `etag` names.

    Raises ResourceModifiedError once it is not.
    """
    download = blob.download_blob(
        etag=etag, match_condition=MatchConditions.IfNotModified, max_concurrency=1
    )
    return cast(BinaryIO, io.BufferedReader(_Download(download), READ_BYTES))


class BlockWriter:
    """Collects bytes into blocks. Nothing is seen of them until `commit`."""

    def __init__(self, blob: BlobClient) -> None:
        self._blob = blob
        self._buffer = bytearray()
        self._blocks: list[BlobBlock] = []
        #: Another try at the same blob may be staging blocks of its own.
        self._try = uuid.uuid4().hex

    def write(self, content: bytes) -> None:
        self._buffer += content
        if len(self._buffer) >= BLOCK_BYTES:
            self._stage()

    def commit(self, content_type: str) -> None:
        """Put the blob in place, over what was there."""
        if self._buffer:
            self._stage()
        self._blob.commit_block_list(
            self._blocks, content_settings=ContentSettings(content_type=content_type)
        )

    def _stage(self) -> None:
        name = f"{self._try}-{len(self._blocks):06d}"
        self._blob.stage_block(name, bytes(self._buffer))
        self._blocks.append(BlobBlock(name))
        self._buffer.clear()


class _Download(io.RawIOBase):
    """What io.BufferedReader asks for, from what the SDK gives."""

    def __init__(self, download: Any) -> None:
        self._download = download

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        content = self._download.read(len(buffer))
        buffer[: len(content)] = content
        return len(content)
