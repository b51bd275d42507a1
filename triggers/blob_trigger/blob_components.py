"""The blob trigger and all that it stands on, put together when the first blob comes.

Imports the storage SDK.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from inference.results.result_store import ResultStore
from inference.serving.scorer import Scorer
from triggers.blob_trigger import blob_attempts
from triggers.blob_trigger.blob_attempts import BlobAttempts
from triggers.blob_trigger.blob_names import Place
from triggers.blob_trigger.blob_scoring import BlobHandler
from triggers.blob_trigger.exhausted_blobs import ExhaustedBlobs
from triggers.blob_trigger.storage_clients import BlobStorage
from triggers.blob_trigger.storage_threads import BlobThreads
from triggers.delivery.outbox import Outbox
from triggers.delivery.output_queue import QueueSender
from triggers.host_limits import HostLimits
from triggers.retry import Retry
from triggers.settings import STORAGE, TriggerSettings

#: Seconds for which one call waits for what may pass: storage, the model, a busy line.
WAIT_S = 300.0
#: Seconds before functionTimeout at which a call is given back, to end what it began.
MARGIN_S = 30.0
#: Where the platform cuts nothing off.
LONGEST_TRY_S = 3600.0


class BlobService:
    """One for a process. Belongs to one event loop, but for its constructor."""

    def __init__(
        self,
        scorer: Scorer,
        results: ResultStore,
        settings: TriggerSettings,
        env: Mapping[str, str],
        root: Path,
    ) -> None:
        """Raises SettingError where the storage account's setting can't be used."""
        limits = HostLimits.read(root / "host.json", env)
        try_s = try_seconds(limits)
        outbox = Outbox(results, scorer.counts, trigger="blob")
        threads = BlobThreads()
        self._storage = BlobStorage(env)
        tries = BlobAttempts(
            self._storage.container(Place(STORAGE, blob_attempts.CONTAINER)),
            most=limits.blob_attempts,
        )
        self.endings = ExhaustedBlobs(
            scorer,
            outbox,
            account=self._storage.account(STORAGE),
            output=settings.output_container,
            tries=tries,
            threads=threads,
            send=QueueSender(env, settings.output_queue).send,
        )
        self._handler = BlobHandler(
            scorer,
            outbox,
            tries=tries,
            endings=self.endings,
            threads=threads,
            retry=Retry(bound_s=min(WAIT_S, try_s / 2)),
            try_s=try_s,
        )

    def __repr__(self) -> str:
        return f"<BlobService {self._handler!r}>"

    async def score(self, source: Place, output: Place) -> str | None:
        """As BlobHandler.score."""
        return await self._handler.score(
            self._storage.blob(source), self._storage.container(output)
        )


def try_seconds(limits: HostLimits) -> float:
    """How long a call may take, so that it ends by itself."""
    timeout_s = min(limits.function_timeout_s, LONGEST_TRY_S)
    return timeout_s - min(MARGIN_S, timeout_s / 4)
