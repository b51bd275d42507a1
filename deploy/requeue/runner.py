"""Lists inputs whose tries ran out, and sends the chosen ones again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from azure.core.exceptions import AzureError, HttpResponseError

from deploy import connections
from deploy.app_settings import AppSettings
from deploy.errors import Refused
from deploy.requeue.dead_letters import PAGE as MESSAGE_PAGE
from deploy.requeue.dead_letters import DeadLetters
from deploy.requeue.failed_inputs import Choice, FailedInput, Outcome, Status
from deploy.requeue.poison_blobs import PAGE as BLOB_PAGE
from deploy.requeue.poison_blobs import PoisonBlobs
from triggers.settings import SERVICE_BUS, STORAGE, TriggerSettings

Report = Callable[[Outcome], object]

#: Seconds for which inputs may be locked before they are sent; a lock lasts a minute.
LOCKED_S = 10.0


@dataclass(kw_only=True)
class Summary:
    """How many inputs were listed, sent, removed without being sent, or could not be sent."""

    listed: int = 0
    sent: int = 0
    removed: int = 0
    failed: int = 0
    dry_run: bool = False

    def add(self, status: Status) -> None:
        match status:
            case "listed" | "would be sent":
                self.listed += 1
            case "sent":
                self.sent += 1
            case "deleted" | "replaced":
                self.removed += 1
            case "not sent":
                self.failed += 1

    def __str__(self) -> str:
        if self.dry_run:
            return f"{self.listed} would be sent"
        if not (self.sent or self.removed or self.failed):
            return f"{self.listed} listed"
        counts = {"sent": self.sent, "removed": self.removed, "not sent": self.failed}
        return ", ".join(f"{count} {name}" for name, count in counts.items() if count)


async def requeue(
    app: AppSettings,
    choice: Choice,
    *,
    dry_run: bool = False,
    rate: float = 0.0,
    report: Report,
) -> Summary:
    """Send the chosen inputs again and report each. An empty choice lists all and sends none.

    `rate` is the most inputs a second, 0 for no limit. `report` is called as each input is done
    with. Raises Refused for settings or services that cannot be used.
    """
    if app.triggers is None:
        raise Refused("; ".join(map(str, app.errors)))
    run = _Run(app.triggers, choice, Summary(dry_run=dry_run), rate, report)
    env = connections.with_emulators(app.env, storage=STORAGE, service_bus=SERVICE_BUS)
    try:
        if "blob" in app.triggers.triggers:
            await run.blobs(env)
        if "servicebus" in app.triggers.triggers:
            await run.messages(env)
    except (Refused, AzureError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise Refused(f"stopped after {run.summary.sent} sent: {reason}") from error
    return run.summary


class _Run:
    """One run of the command: what it is asked to do, and what it did so far."""

    def __init__(
        self,
        settings: TriggerSettings,
        choice: Choice,
        summary: Summary,
        rate: float,
        report: Report,
    ) -> None:
        self._settings, self._choice, self.summary = settings, choice, summary
        self._rate, self._report_outcome = rate, report

    async def blobs(self, env: Mapping[str, str]) -> None:
        """Raises Refused, AzureError."""
        with connections.blobs(env, STORAGE) as blobs, connections.queues(env, STORAGE) as queues:
            poison = PoisonBlobs(blobs, queues, self._settings.output_container)
            kept: dict[str, FailedInput] = {}
            try:
                while page := await asyncio.to_thread(poison.receive, self._page(BLOB_PAGE)):
                    if all(blob.handle.id in kept for blob in page):
                        break  # their visibility timeout passed, and the queue shows them again
                    for blob in page:
                        if blob.handle.id in kept or not await self._handle_blob(poison, blob):
                            kept[blob.handle.id] = blob
            finally:
                for blob in kept.values():
                    await asyncio.to_thread(poison.put_back, blob)

    async def _handle_blob(self, poison: PoisonBlobs, blob: FailedInput) -> bool:
        """Send a chosen blob. Returns whether it has left the queue."""
        if not self._is_to_be_sent(blob):
            return False
        if blob.is_unreadable:
            self._report(blob, "not sent", blob.detail)
            return False
        await self._pace()
        try:
            self._report(blob, await asyncio.to_thread(poison.send, blob))
        except (Refused, HttpResponseError) as error:
            self._report(blob, "not sent", str(error))
            return False
        return True

    async def messages(self, env: Mapping[str, str]) -> None:
        """Raises Refused, AzureError."""
        async with connections.service_bus(env, SERVICE_BUS) as client:
            letters = DeadLetters(client, self._settings.input)
            wanted = [letter for letter in await letters.peek() if self._is_to_be_sent(letter)]
            if not wanted:
                return
            left = {letter.handle: letter for letter in wanted}
            page = self._page(MESSAGE_PAGE)
            async for letter, error in letters.send(wanted, page=page, pace=self._pace):
                del left[letter.handle]
                self._report(letter, "not sent" if error else "sent", str(error or ""))
            for letter in left.values():
                self._report(letter, "not sent", "another receiver holds it: try again in a minute")

    def _is_to_be_sent(self, failed: FailedInput) -> bool:
        """Reports the input where it is only listed."""
        if self._choice.is_empty:
            self._report(failed, "listed")
            return False
        if not self._choice.includes(failed):
            return False
        if self.summary.dry_run:
            self._report(failed, "would be sent")
            return False
        return True

    def _report(self, failed: FailedInput, status: Status, error: str = "") -> None:
        self.summary.add(status)
        outcome = Outcome(input=failed, status=status, error=error.partition("\n")[0])
        self._report_outcome(outcome)

    def _page(self, most: int) -> int:
        """As many inputs as the rate lets through while they are locked."""
        return max(1, min(most, int(self._rate * LOCKED_S))) if self._rate else most

    async def _pace(self) -> None:
        if self._rate:
            await asyncio.sleep(1 / self._rate)
