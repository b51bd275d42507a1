"""How far an attempt at a blob came, so that the next one resumes there.

The output is staged in blocks, which the storage account keeps for a week. A checkpoint is a blob
beside the attempt's marker. It names the blocks and says where their rows end in the input. It
counts for one version of the blob, and for one `basis`: all else that the output depends on.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import orjson
from azure.core.exceptions import AzureError, ResourceNotFoundError
from azure.storage.blob import BlobClient

from inference.error_threshold import ErrorThreshold
from inference.scripts import Script
from inference.serving.batch_report import BatchState
from inference.settings import InferenceSettings
from triggers.storage.blob_format import BlobFormat
from triggers.storage.block_writer import BlockWriter
from triggers.storage.storage_errors import error_code

log = logging.getLogger(__name__)

#: Seconds between two checkpoints, and before the first one. Most blobs are scored by then.
EVERY_S = 2.0
#: Changes with what a state means.
FORMAT = 1


def basis_of(
    script: Script,
    form: BlobFormat,
    threshold: ErrorThreshold | None,
    settings: InferenceSettings,
) -> str:
    """A fingerprint of all that an output depends on besides the blob."""
    model = (script.model, script.digest, script.method, script.parameters)
    chosen = (settings.limits, settings.error_threshold, settings.columns)
    return hashlib.sha256(repr((FORMAT, model, form, threshold, chosen)).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The blocks of the output so far, and the state of the batch after them."""

    basis: str
    blocks: list[str]
    state: BatchState


class Checkpoints:
    """Those of one version of a blob. The methods block, and raise AzureError.

    `may_exist`: whether there was an earlier attempt.
    """

    def __init__(
        self, blob: BlobClient, *, may_exist: bool, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._blob, self._clock = blob, clock
        self.may_exist = may_exist
        self._due_at = clock() + EVERY_S

    def __repr__(self) -> str:
        return f"<Checkpoints {self._blob.blob_name}>"

    def resume(self, writer: BlockWriter, basis: str) -> BatchState | None:
        """Make `writer` resume behind the blocks of an earlier attempt.

        Returns the state after them; None to begin again.
        """
        checkpoint = self._read() if self.may_exist else None
        if checkpoint is None or checkpoint.basis != basis:
            return None
        return checkpoint.state if writer.resume(checkpoint.blocks) else None

    def save(self, writer: BlockWriter, basis: str, state: BatchState) -> None:
        """Store a checkpoint if it is due and the blocks end with `state`.

        An error is logged: the blob is scored without it.
        """
        if self._clock() < self._due_at or not (blocks := writer.staged()):
            return
        content = orjson.dumps(asdict(Checkpoint(basis, blocks, state)))
        self.may_exist = True
        try:
            self._blob.upload_blob(content, overwrite=True)
        except AzureError as error:
            log.debug("%r: not stored: %s", self, error_code(error))
        self._due_at = self._clock() + EVERY_S

    def delete(self) -> None:
        if self.may_exist:
            with contextlib.suppress(ResourceNotFoundError):
                self._blob.delete_blob()
        self.may_exist = False

    def _read(self) -> Checkpoint | None:
        try:
            found = orjson.loads(self._blob.download_blob().readall())
            return Checkpoint(found["basis"], found["blocks"], BatchState(**found["state"]))
        except (ResourceNotFoundError, KeyError, TypeError, ValueError):
            return None  # there is none, or another release wrote it
