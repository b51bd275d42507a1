"""Puts the blob trigger's parts together when the first blob comes. Imports the storage SDK."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from inference.results.result_store import ResultStore
from inference.serving.scorer import Scorer
from triggers.blob_trigger import blob_attempts
from triggers.blob_trigger.blob_attempts import BlobAttempts
from triggers.blob_trigger.blob_scoring import BlobHandler
from triggers.blob_trigger.document_delivery import DocumentDelivery
from triggers.blob_trigger.exhausted_blobs import ExhaustedBlobs
from triggers.delivery.batch_sender import BatchSender
from triggers.delivery.outbox import Outbox
from triggers.host_limits import HostLimits
from triggers.retry import Retry
from triggers.settings import STORAGE, TriggerSettings
from triggers.storage.blob_names import Place
from triggers.storage.storage_clients import BlobStorage
from triggers.storage.storage_threads import BlobThreads

#: How long one call retries: storage, the model's loading, an overloaded app.
RETRY_S = 300.0
#: How long before functionTimeout a call ends, to clean up.
MARGIN_S = 30.0


class BlobService:
    """One a process. For one event loop, but any thread may construct it."""

    def __init__(
        self,
        scorer: Scorer,
        results: ResultStore,
        settings: TriggerSettings,
        env: Mapping[str, str],
        root: Path,
    ) -> None:
        """Raises SettingError if the storage account's setting can't be used."""
        limits = HostLimits.read(root / "host.json", env)
        attempt_s = max_attempt_s(limits)
        outbox = Outbox(results, scorer.finished, trigger="blob")
        threads = BlobThreads()
        self._storage = BlobStorage(env)
        attempts = BlobAttempts(
            self._storage.container(Place(STORAGE, blob_attempts.CONTAINER)),
            max_attempts=limits.blob_attempts,
        )
        self._sender = BatchSender.to(env, settings.output)
        delivery = DocumentDelivery(attempts, threads, self._sender.send, scorer.counts)
        self.exhausted = ExhaustedBlobs(
            scorer,
            outbox,
            account=self._storage.account(STORAGE),
            output=settings.output_container,
            attempts=attempts,
            threads=threads,
            delivery=delivery,
        )
        self._handler = BlobHandler(
            scorer,
            outbox,
            attempts=attempts,
            exhausted=self.exhausted,
            delivery=delivery,
            threads=threads,
            retry=Retry(max_s=min(RETRY_S, attempt_s / 2)),
            max_attempt_s=attempt_s,
            options=settings.blob_options,
        )

    def __repr__(self) -> str:
        return f"<BlobService {self._handler!r}>"

    async def score(self, source: Place, output: Place) -> None:
        """As BlobHandler.score."""
        await self._handler.score(self._storage.blob(source), self._storage.container(output))

    async def close(self) -> None:
        await self._sender.close()


def max_attempt_s(limits: HostLimits) -> float:
    """How long a call may take, so that it ends before the platform cuts it off.

    math.inf where functionTimeout sets no limit.
    """
    timeout_s = limits.function_timeout_s
    return timeout_s - min(MARGIN_S, timeout_s / 4)
