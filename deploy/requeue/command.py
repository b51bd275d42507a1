"""`python -m deploy requeue`: list what was given up, and send it round once more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from azure.core.exceptions import AzureError, HttpResponseError

from deploy.doctor import Configured
from deploy.errors import Refused
from deploy.requeue.dead_letters import PAGE, DeadLetters
from deploy.requeue.given_up import Choice, GivenUp
from deploy.requeue.poison_blobs import PAGE as PAGE_OF_BLOBS
from deploy.requeue.poison_blobs import PoisonBlobs
from local.host.app.connections import (
    DEVELOPMENT_SERVICE_BUS,
    DEVELOPMENT_STORAGE,
    Connections,
    spell_out,
)
from local.host.errors import HostError
from triggers.settings import SERVICE_BUS, STORAGE, TriggerSettings

Say = Callable[[str], object]

#: Seconds for which inputs may be locked before they are sent; a lock lasts a minute.
LOCKED_S = 10.0


@dataclass(frozen=True, kw_only=True)
class Order:
    """What to do. Without a choice it is to list."""

    choice: Choice
    dry_run: bool = False
    #: Inputs a second; 0 for as fast as it goes.
    rate: float = 0.0

    @property
    def sends(self) -> bool:
        return not (self.choice.is_nothing or self.dry_run)


class Requeue:
    """Counts what it finds and sends, and says a line of each."""

    def __init__(
        self, env: Mapping[str, str], doors: TriggerSettings, order: Order, say: Say
    ) -> None:
        self._doors, self._order, self._say = doors, order, say
        self._connections = Connections(_with_emulators(env))
        self.found = self.sent = self.failed = 0

    async def run(self) -> None:
        """Raises HostError, AzureError where storage or Service Bus can't be used."""
        try:
            if "blob" in self._doors.triggers:
                await self._blobs()
            if "servicebus" in self._doors.triggers:
                await self._messages()
        finally:
            await self._connections.close()

    async def _blobs(self) -> None:
        in_thread = self._connections.in_thread
        poison = PoisonBlobs(
            self._connections.blobs(STORAGE),
            self._connections.queues(STORAGE),
            self._doors.output_container,
        )
        kept: dict[str, GivenUp] = {}
        try:
            while new := await in_thread(poison.take, self._page(PAGE_OF_BLOBS)):
                if all(each.handle.id in kept for each in new):
                    break  # they were taken for as long as they may be, and come again
                for each in new:
                    known = each.handle.id in kept
                    if known or not self._is_to_be_sent(each) or not await self._sent(poison, each):
                        kept[each.handle.id] = each
        finally:
            for each in kept.values():
                await in_thread(poison.put_back, each)

    async def _sent(self, poison: PoisonBlobs, given_up: GivenUp) -> bool:
        if given_up.is_unreadable:
            self._refused(given_up.detail)
            return False
        await self._pace()
        try:
            done = await self._connections.in_thread(poison.send, given_up)
        except (Refused, HttpResponseError) as refusal:
            self._refused(refusal)
            return False
        self._done(done)
        return True

    async def _messages(self) -> None:
        async with self._connections.service_bus(SERVICE_BUS) as client:
            letters = DeadLetters(client, self._doors.input_queue)
            wanted = [each for each in await letters.look() if self._is_to_be_sent(each)]
            if wanted:
                page = self._page(PAGE)
                async for each, fault in letters.send(wanted, page=page, pace=self._pace):
                    self._done(f"sent {each.name}") if fault is None else self._refused(fault)

    def _done(self, what: str) -> None:
        self.sent += 1
        self._say(f"  {what}")

    def _refused(self, fault: Exception | str) -> None:
        self.failed += 1
        first = str(fault).partition("\n")[0]
        self._say(f"  not sent: {first}")

    def _is_to_be_sent(self, given_up: GivenUp) -> bool:
        """Say it, where it is listed or chosen."""
        choice = self._order.choice
        if not (choice.is_nothing or choice.takes(given_up)):
            return False
        self.found += 1
        self._say(str(given_up))
        if given_up.detail and not self._order.sends:
            self._say(f"        {given_up.detail}")
        return self._order.sends

    def _page(self, most: int) -> int:
        """As many as are done with while they are locked."""
        rate = self._order.rate
        return max(1, min(most, int(rate * LOCKED_S))) if rate else most

    async def _pace(self) -> None:
        if self._order.rate:
            await asyncio.sleep(1 / self._order.rate)


async def requeue(configured: Configured, order: Order, say: Say) -> int:
    """Say what is found; 0 where all that was chosen was sent. Raises Refused."""
    if configured.doors is None:
        raise Refused("; ".join(map(str, configured.refused)))
    work = Requeue(configured.env, configured.doors, order, say)
    try:
        await work.run()
    except (HostError, AzureError) as error:
        first = str(error).splitlines()[:1] or [type(error).__name__]
        raise Refused(f"{work.sent} were sent, then: {first[0]}") from error
    what = "sent" if order.sends else "would be sent" if order.dry_run else "listed"
    say(f"{work.sent if order.sends else work.found} {what}")
    return 0 if not work.failed else 2


def _with_emulators(env: Mapping[str, str]) -> dict[str, str]:
    """As the local host: what is not set is the emulators of this machine."""
    whole = dict(env)
    for name, default in ((STORAGE, DEVELOPMENT_STORAGE), (SERVICE_BUS, DEVELOPMENT_SERVICE_BUS)):
        if not any(each.startswith((name, f"AzureWebJobs{name}")) for each in whole):
            whole[name] = default
    spell_out(whole, (STORAGE,))
    return whole
