"""Brings messages of a queue to a function: peek, lock, run, settle."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Coroutine, Iterable, Iterator, Sequence
from datetime import UTC, datetime

from azure.servicebus import ServiceBusReceivedMessage

from host import service_bus_data
from host.bindings import Function, ServiceBusTrigger
from host.connections import Connections
from host.host_json import ServiceBusOptions
from host.invoker import Invoker
from host.outage import Outage
from host.protos import TypedData
from host.runtime import InvocationFailed
from host.service_bus_link import LOOK_S, Link

log = logging.getLogger(__name__)

#: The shortest pause between two renewals of a lock.
MIN_RENEWAL_S = 0.5


def service_bus_listeners(
    functions: Iterable[Function],
    invoker: Invoker,
    connections: Connections,
    options: ServiceBusOptions,
) -> Iterator[ServiceBusListener]:
    """A listener for each function that messages trigger."""
    for function in functions:
        if isinstance(trigger := function.trigger, ServiceBusTrigger):
            yield ServiceBusListener(
                function, trigger, invoker=invoker, connections=connections, options=options
            )


class ServiceBusListener:
    """One function's messages: singly, many at once, or in batches, one batch at a time."""

    def __init__(
        self,
        function: Function,
        trigger: ServiceBusTrigger,
        *,
        invoker: Invoker,
        connections: Connections,
        options: ServiceBusOptions,
    ) -> None:
        self._function, self._trigger = function, trigger
        self._invoker, self._options = invoker, options
        self._link = Link(
            connections, trigger.connection, trigger.queue, prefetch=options.prefetch_count
        )
        self._outage = Outage(f"queue {trigger.queue} of {trigger.connection}")
        self._stopping = asyncio.Event()
        self._receiving: asyncio.Task[None] | None = None
        self._running: set[asyncio.Task[None]] = set()

    def __repr__(self) -> str:
        return f"<ServiceBusListener {self._function.name} {self._link!r} {len(self._running)}>"

    async def start(self) -> None:
        """Raises HostError for a connection that cannot be used."""
        self._link.check()
        self._receiving = asyncio.create_task(self._receive())

    async def stop(self) -> None:
        """What was received and not begun goes back to the broker."""
        self._stopping.set()
        try:
            if self._receiving is not None:
                await self._receiving
            await asyncio.gather(*self._running, return_exceptions=True)
        except asyncio.CancelledError:
            for task in self._running:
                task.cancel()
            await asyncio.gather(*self._running, return_exceptions=True)
            raise
        finally:
            await self._link.close()

    async def _receive(self) -> None:
        while not self._stopping.is_set():
            try:
                messages = await self._messages()
            except Exception as error:  # noqa: BLE001 - an engine whose connection broke raises anything
                await self._link.close()
                await self._pause(self._outage.begin(error))
                continue
            self._outage.end()
            if not messages:
                continue
            if self._stopping.is_set():
                await self._settle(messages, done=False)
            elif self._trigger.many:
                # In a task: a listener that is told to stop cancels what runs, and it settles.
                await asyncio.wait({self._start(self._run_batch(messages))})
            else:
                for message in messages:
                    self._start(self._run_single(message))

    async def _messages(self) -> list[ServiceBusReceivedMessage]:
        if self._trigger.many:
            return await self._batch()
        if (free := self._options.max_concurrent_calls - len(self._running)) > 0:
            return await self._link.receive(free)
        await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
        return []

    async def _batch(self) -> list[ServiceBusReceivedMessage]:
        most, least = self._options.max_message_batch_size, self._options.min_message_batch_size
        batch = await self._link.receive(most)
        end = time.monotonic() + self._options.max_batch_wait_s
        while 0 < len(batch) < least and not self._stopping.is_set():
            if (left := end - time.monotonic()) <= 0:
                break
            batch += await self._link.receive(most - len(batch), look_s=min(LOOK_S, left))
        return batch

    def _start(self, run: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(run)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    async def _run_single(self, message: ServiceBusReceivedMessage) -> None:
        data_type = self._trigger.data_type
        renewing = asyncio.create_task(self._keep_locked(message))
        try:
            await self._run(
                [message],
                service_bus_data.single(message, data_type),
                service_bus_data.single_metadata(message, data_type),
            )
        finally:
            renewing.cancel()

    async def _run_batch(self, messages: Sequence[ServiceBusReceivedMessage]) -> None:
        """A batch's locks are not renewed, as in Azure."""
        try:
            data = service_bus_data.many(messages, self._trigger.data_type)
        except service_bus_data.UnfitBody as error:
            log.error("function %s failed: %s", self._function.name, error)
            await self._settle(messages, done=False)
            return
        await self._run(messages, data, service_bus_data.many_metadata(messages))

    async def _run(
        self,
        messages: Sequence[ServiceBusReceivedMessage],
        data: TypedData,
        metadata: dict[str, TypedData],
    ) -> None:
        done = False
        try:
            await self._invoker.run(
                self._function,
                data,
                metadata,
                values=service_bus_data.values_of(metadata),
                identities=[
                    f"{self._trigger.queue}\n{message.sequence_number}" for message in messages
                ],
            )
            done = True
        except InvocationFailed:
            log.debug("%s: %d messages go back", self._function.name, len(messages))
        finally:
            # Also when cancelled: the messages must not wait for their locks to run out.
            await self._settle(messages, done=done)

    async def _settle(self, messages: Sequence[ServiceBusReceivedMessage], *, done: bool) -> None:
        """Complete, or abandon at once: the broker counts, and gives up in the end."""
        if done and not self._options.auto_complete_messages:
            return
        settle = self._link.complete if done else self._link.abandon
        await asyncio.gather(*(settle(message) for message in messages))

    async def _keep_locked(self, message: ServiceBusReceivedMessage) -> None:
        end = time.monotonic() + self._options.max_auto_lock_renewal_s
        while (left := end - time.monotonic()) > 0:
            await asyncio.sleep(min(max(_locked_s(message) / 2, MIN_RENEWAL_S), left))
            if not await self._link.renew(message):
                return

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)


def _locked_s(message: ServiceBusReceivedMessage) -> float:
    """Seconds that the lock still lasts, by this machine's clock."""
    until = message.locked_until_utc
    return (until - datetime.now(UTC)).total_seconds() if until else 0.0
