"""Receives a queue's messages in peek-lock mode, runs a function on them, and settles them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING

from local.host.app.bindings import Function, Identity, ServiceBusTrigger
from local.host.app.connections import Connections
from local.host.app.inputs import can_defer
from local.host.app.invoker import Invoker
from local.host.app.protos import TypedData
from local.host.app.runtime import InvocationFailed
from local.host.backoff import Backoff
from local.host.host_json import ServiceBusOptions
from local.host.service_bus_listener import message_data, trigger_data
from local.host.service_bus_listener.body_text import UnfitBody
from local.host.service_bus_listener.incoming_message import IncomingMessage
from local.host.service_bus_listener.link import DEFAULT_CREDIT, WAIT_S, Link
from local.host.service_bus_listener.message_buffer import MessageBuffer, keep_locked
from local.host.service_bus_listener.trigger_data import TriggerDataType

if TYPE_CHECKING:
    from local.host.service_bus_listener.settlement import Settlement

log = logging.getLogger(__name__)

#: Seconds after which messages that arrive while functions run are buffered, where their locks are
#: renewed: short beside a lock's duration, long beside a quick invocation.
BUFFER_AFTER_S = 0.1

#: With so many messages, or two batches, that are not settled yet, no further batch is invoked.
MAX_UNSETTLED = 256


class ServiceBusListener:
    """Serves one function: with single messages, many concurrently, or one batch at a time."""

    def __init__(
        self,
        function: Function,
        trigger: ServiceBusTrigger,
        *,
        invoker: Invoker,
        connections: Connections,
        options: ServiceBusOptions,
        auto_complete: bool,
        settlement: Settlement | None = None,
        link: Link | None = None,
        backoff: Backoff | None = None,
    ) -> None:
        """With `settlement`, the function settles its messages itself."""
        self._function, self._trigger = function, trigger
        self._invoker, self._options, self._settlement = invoker, options, settlement
        self._auto_complete = auto_complete
        is_deferred = trigger.is_deferred and can_defer(function)
        self._data_type: TriggerDataType = "reference" if is_deferred else trigger.data_type
        if options.prefetch_count:
            credit = options.prefetch_count
        else:
            credit = max(options.max_message_batch_size if trigger.many else 0, DEFAULT_CREDIT)
        self._link = link or Link(connections, trigger.connection, trigger.entity, credit=credit)
        self._buffer = MessageBuffer(self._link, renewal_s=options.max_auto_lock_renewal_s)
        self._backoff = backoff or Backoff(f"queue {trigger.entity} of {trigger.connection}")
        self._stopping = asyncio.Event()
        self._receiving: asyncio.Task[None] | None = None
        #: Invocations, until their messages are settled.
        self._running: set[asyncio.Task[None]] = set()
        self._unsettled = 0
        #: The one whose function runs, where batches are invoked one at a time.
        self._invoking: asyncio.Task[None] | None = None
        #: Set when a function has returned, and when messages were settled.
        self._ended = asyncio.Event()
        #: The last batch had as many messages as it may have: more are likely to wait.
        self._was_full = False

    def __repr__(self) -> str:
        return f"<ServiceBusListener {self._function.name} {self._link!r} {len(self._running)}>"

    async def start(self) -> None:
        """Raises HostError if the connection setting cannot be used."""
        self._link.check()
        self._receiving = asyncio.create_task(self._receive())

    async def stop(self) -> None:
        """Abandon waiting messages and wait for running invocations. If cancelled, cancel them."""
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
        """Receive until `stop`. After any error the link is closed and opened again."""
        try:
            while not self._stopping.is_set():
                try:
                    await self._receive_and_start()
                except Exception as error:  # noqa: BLE001 - a broken connection raises anything
                    failure = error
                else:
                    continue
                await self._link.close()
                # Messages received over it will be delivered again over the next link.
                self._buffer.take()
                await self._pause(self._backoff.failed(failure))
        finally:
            self._buffer.add(self._link.take())
            await self._settle(self._buffer.take(), done=False)

    async def _receive_and_start(self) -> None:
        """Receive as many messages as may run now, and start them."""
        capacity = self._capacity()
        if not capacity:
            await self._wait_for_capacity()
            return
        messages = await self._next_messages(capacity)
        if self._stopping.is_set():
            self._buffer.add(messages)
        elif not self._trigger.many:
            for message in messages:
                self._start(self._run_single(message), 1)
        elif messages:
            self._was_full = len(messages) == capacity
            self._invoking = self._start(self._run_batch(messages), len(messages))

    async def _next_messages(self, most: int) -> list[IncomingMessage]:
        """From the buffer first. After an error all are in the buffer."""
        messages = self._buffer.take(most)
        try:
            if not messages:
                messages = await self._link.receive(most)
                self._backoff.succeeded()
            elif len(messages) < most:
                messages += self._link.take(most - len(messages))
            if self._trigger.many and messages:
                await self._fill(messages)
        except BaseException:
            self._buffer.add(messages)
            raise
        return messages

    def _capacity(self) -> int:
        """How many messages may start now; single messages start one by one.

        Batches are invoked one at a time, as in Azure. While the outputs of some are sent and their
        messages settled, the next one is invoked.
        """
        if not self._trigger.many:
            return 1 if self._unsettled < self._options.max_concurrent_calls else 0
        size = self._options.max_message_batch_size
        is_busy = self._invoking is not None or self._unsettled >= max(MAX_UNSETTLED, 2 * size)
        return 0 if is_busy else size

    async def _wait_for_capacity(self) -> None:
        """After a full batch, the next one arrives meanwhile."""
        self._ended.clear()
        if self._was_full and not self._settlement:
            self._link.receive_ahead(len(self._buffer))
        if not await self._has_ended(BUFFER_AFTER_S):
            self._buffer.add(self._link.take())

    async def _has_ended(self, timeout_s: float) -> bool:
        """Wait for the end of an invocation or settlement; False if time is up."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._ended.wait()
        except TimeoutError:
            return False
        return True

    async def _fill(self, batch: list[IncomingMessage]) -> None:
        """Wait for more messages until the batch has its minimum size."""
        maximum, minimum = (
            self._options.max_message_batch_size,
            self._options.min_message_batch_size,
        )
        end = time.monotonic() + self._options.max_batch_wait_s
        while len(batch) < minimum and not self._stopping.is_set():
            wait_s = min(WAIT_S, end - time.monotonic())
            if wait_s <= 0:
                return
            batch += await self._link.receive(maximum - len(batch), wait_s=wait_s)

    def _start(self, run: Coroutine[None, None, None], messages: int) -> asyncio.Task[None]:
        def settled(task: asyncio.Task[None]) -> None:
            self._running.discard(task)
            self._unsettled -= messages
            self._ended.set()

        task = asyncio.create_task(run)
        self._running.add(task)
        self._unsettled += messages
        task.add_done_callback(settled)
        return task

    def _function_returned(self) -> None:
        if self._invoking is asyncio.current_task():
            self._invoking = None
            self._ended.set()

    async def _run_single(self, message: IncomingMessage) -> None:
        renewing = asyncio.create_task(
            keep_locked(self._link, message, self._options.max_auto_lock_renewal_s)
        )
        try:
            await self._run(
                [message],
                lambda: trigger_data.of_message(message, self._data_type),
            )
        finally:
            renewing.cancel()

    async def _run_batch(self, messages: Sequence[IncomingMessage]) -> None:
        """The locks of a batch are not renewed, as in Azure."""
        await self._run(messages, lambda: trigger_data.of_batch(messages, self._data_type))

    async def _run(
        self,
        messages: Sequence[IncomingMessage],
        convert: Callable[[], tuple[TypedData, dict[str, TypedData]]],
    ) -> None:
        """Run the function, then complete its messages, or abandon them if it failed."""
        done = False
        tokens = self._settlement.add(self._link, messages) if self._settlement else ()
        try:
            data, metadata = convert()
            await self._invoker.run(
                self._function,
                data,
                metadata,
                values=message_data.values_of(metadata),
                identities=[
                    Identity(
                        f"{self._trigger.entity}\n{message.sequence_number}",
                        message.message_id or "",
                    )
                    for message in messages
                ],
                on_return=self._function_returned,
            )
            done = True
        except InvocationFailed:
            log.debug("function %s: abandoning %s", self._function.name, _name(messages))
        except UnfitBody as error:
            log.error("function %s failed: %s (%s)", self._function.name, error, _name(messages))
        except Exception:
            log.exception("function %s: abandoning %s", self._function.name, _name(messages))
        finally:
            self._function_returned()
            if self._settlement:
                messages = self._settlement.remove(tokens)
            # Also after a cancellation: the messages need not wait for their locks to expire.
            await self._settle(messages, done=done)

    async def _settle(self, messages: Sequence[IncomingMessage], *, done: bool) -> None:
        """Complete, or abandon. The broker counts deliveries and dead-letters in the end."""
        if done and not self._auto_complete:
            return
        if messages:
            await self._link.settle_batch(messages, done=done)

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)


def _name(messages: Sequence[IncomingMessage]) -> str:
    """Messages by sequence number, for log lines."""
    first, last = messages[0].sequence_number, messages[-1].sequence_number
    return f"message {first}" if len(messages) == 1 else f"messages {first} to {last}"
