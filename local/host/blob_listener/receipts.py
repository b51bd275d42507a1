"""Which versions of which blobs have been processed, recorded in the storage account itself.

A receipt is an empty blob `azure-webjobs-hosts/blobreceipts/<host id>/<function>/<container>/
<blob>/<etag>`. Its metadata hold the number of tries and the state: `running`, `done` or `poison`.
Calls block: run them in threads.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import ContainerClient

log = logging.getLogger(__name__)

State = Literal["running", "done", "poison"]

#: Azure's limits on a blob's name: characters, and slashes.
MAX_NAME, MAX_SLASHES = 1024, 250


@dataclass(frozen=True, slots=True)
class Receipt:
    #: Tries started for this version of the blob.
    tries: int
    state: State

    @property
    def is_final(self) -> bool:
        return self.state != "running"


class Receipts:
    """One app's receipts, cached here since `load`. Only the holder of the lease writes them."""

    def __init__(self, container: ContainerClient, host_id: str) -> None:
        self._container = container
        self._prefix = f"blobreceipts/{host_id}/"
        self._cached: dict[str, Receipt] = {}

    def __repr__(self) -> str:
        return f"<Receipts {self._prefix} {len(self._cached)} cached>"

    def load(self) -> None:
        """Read the receipts that other processes wrote. Raises AzureError."""
        self._cached = dict(self._list())

    def get(self, function: str, container: str, blob: str, etag: str) -> Receipt | None:
        return self._cached.get(self._name(function, container, blob, etag))

    def write(self, function: str, container: str, blob: str, etag: str, receipt: Receipt) -> None:
        """Raises AzureError; the receipt is cached even then."""
        name = self._name(function, container, blob, etag)
        is_new = name not in self._cached
        self._cached[name] = receipt
        metadata = {"tries": str(receipt.tries), "state": receipt.state}
        if not is_new:
            # It takes the account two thirds of the time of an upload.
            with contextlib.suppress(ResourceNotFoundError):
                self._container.get_blob_client(name).set_blob_metadata(metadata)
                return
        self._container.upload_blob(name, b"", overwrite=True, metadata=metadata)

    def _list(self) -> Iterator[tuple[str, Receipt]]:
        try:
            for blob in self._container.list_blobs(
                name_starts_with=self._prefix, include=["metadata"]
            ):
                yield blob.name, _receipt(blob.metadata or {})
        except ResourceNotFoundError:
            return

    def _name(self, function: str, container: str, blob: str, etag: str) -> str:
        version = etag.strip('"')
        name = f"{self._prefix}{function}/{container}/{blob}/{version}"
        if len(name) <= MAX_NAME and name.count("/") <= MAX_SLASHES:
            return name
        digest = hashlib.sha256(blob.encode()).hexdigest()
        return f"{self._prefix}{function}/{container}/{digest}/{version}"


def _receipt(metadata: dict[str, str]) -> Receipt:
    tries, state = metadata.get("tries", ""), metadata.get("state", "")
    states: dict[str, State] = {"done": "done", "poison": "poison"}
    readable = tries.isdecimal() and len(tries) < 10  # a damaged receipt counts as 0 tries
    return Receipt(int(tries) if readable else 0, states.get(state, "running"))
