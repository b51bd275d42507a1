"""Receives a queue's messages in peek-lock mode, runs a function on them, and settles them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence

from azure.servicebus import ServiceBusReceivedMessage

from local.host.app.bindings import Function, Identity, ServiceBusTrigger
from local.host.app.connections import Connections
from local.host.app.inputs import can_defer
from local.host.app.invoker import Invoker
from local.host.app.protos import TypedData
from local.host.app.runtime import InvocationFailed
from local.host.backoff import Backoff
from local.host.host_json import ServiceBusOptions
from local.host.service_bus_listener import message_data, message_reference
from local.host.service_bus_listener.link import FOLLOW_S, WAIT_S, Link
from local.host.service_bus_listener.message_buffer import MessageBuffer, keep_locked

log = logging.getLogger(__name__)

#: Seconds after which outstanding messages are buffered while functions run: short beside a lock's
#: duration, long beside a quick invocation.
BUFFER_AFTER_S = 0.1


def service_bus_listeners(
    functions: Iterable[Function],
    invoker: Invoker,
    connections: Connections,
    options: ServiceBusOptions,
) -> Iterator[ServiceBusListener]:
    """A listener for each function with a Service Bus trigger."""
    for function in functions:
        if isinstance(trigger := function.trigger, ServiceBusTrigger):
            yield ServiceBusListener(
                function, trigger, invoker=invoker, connections=connections, options=options
            )


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
    ) -> None:
        self._function, self._trigger = function, trigger
        self._invoker, self._options = invoker, options
        self._is_deferred = trigger.is_deferred and can_defer(function)
        self._link = Link(
            connections, trigger.connection, trigger.queue, prefetch=options.prefetch_count
        )
        self._buffer = MessageBuffer(self._link, renewal_s=options.max_auto_lock_renewal_s)
        self._backoff = Backoff(f"queue {trigger.queue} of {trigger.connection}")
        self._stopping = asyncio.Event()
        self._receiving: asyncio.Task[None] | None = None
        self._running: set[asyncio.Task[None]] = set()

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
                    failure: BaseException = error
                except asyncio.CancelledError as error:
                    if (task := asyncio.current_task()) is not None and task.cancelling():
                        raise
                    # This task was not cancelled: the SDK awaited a task that it had cancelled.
                    failure = error
                else:
                    continue
                await self._link.close()
                # Messages received over it will be delivered again over the next link.
                await self._settle(self._buffer.take(), done=False)
                await self._pause(self._backoff.failed(failure))
        finally:
            await self._settle(self._buffer.take(), done=False)

    async def _receive_and_start(self) -> None:
        """Receive as many messages as may run now, and start them."""
        capacity = self._capacity()
        if not capacity:
            await self._wait_for_capacity()
            return
        messages = self._buffer.take(capacity)
        try:
            if not messages:
                messages += await self._link.receive(capacity)
                self._backoff.succeeded()
            if self._trigger.many and messages:
                await self._fill(messages)
        except BaseException:
            self._buffer.add(messages)
            raise
        if self._stopping.is_set():
            self._buffer.add(messages)
        elif self._trigger.many and messages:
            self._start(self._run_batch(messages))
        else:
            for message in messages:
                self._start(self._run_single(message))

    def _capacity(self) -> int:
        """How many messages may start now; single messages start one by one."""
        if self._trigger.many:
            return 0 if self._running else self._options.max_message_batch_size
        return 1 if len(self._running) < self._options.max_concurrent_calls else 0

    async def _wait_for_capacity(self) -> None:
        """Buffer outstanding messages until an invocation ends."""
        timeout_s = BUFFER_AFTER_S if self._link.outstanding else None
        ended, _ = await asyncio.wait(
            self._running, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED
        )
        if not ended:
            self._buffer.add(await self._link.receive(self._link.outstanding, wait_s=FOLLOW_S))

    async def _fill(self, batch: list[ServiceBusReceivedMessage]) -> None:
        """Add messages that are there, and wait for more until the batch has its minimum size."""
        maximum, minimum = (
            self._options.max_message_batch_size,
            self._options.min_message_batch_size,
        )
        end = time.monotonic() + self._options.max_batch_wait_s
        wait_s = FOLLOW_S
        while len(batch) < maximum and wait_s > 0 and not self._stopping.is_set():
            batch += await self._link.receive(maximum - len(batch), wait_s=wait_s)
            wait_s = min(WAIT_S, end - time.monotonic()) if len(batch) < minimum else 0

    def _start(self, run: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(run)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    async def _run_single(self, message: ServiceBusReceivedMessage) -> None:
        renewing = asyncio.create_task(
            keep_locked(self._link, message, self._options.max_auto_lock_renewal_s)
        )
        try:
            await self._run(
                [message],
                lambda: self._single(message),
            )
        finally:
            renewing.cancel()

    async def _run_batch(self, messages: Sequence[ServiceBusReceivedMessage]) -> None:
        """The locks of a batch are not renewed, as in Azure."""
        await self._run(messages, lambda: self._batch(messages))

    def _single(self, message: ServiceBusReceivedMessage) -> tuple[TypedData, dict[str, TypedData]]:
        """The data and metadata of one message."""
        data_type = self._trigger.data_type
        if self._is_deferred:
            data = message_reference.single_reference(message)
        else:
            data = message_data.single_data(message, data_type)
        return data, message_data.single_metadata(message, data_type)

    def _batch(
        self, messages: Sequence[ServiceBusReceivedMessage]
    ) -> tuple[TypedData, dict[str, TypedData]]:
        """The data and metadata of a batch. SDK-type bindings read no metadata: none is made."""
        if self._is_deferred:
            return message_reference.batch_references(messages), {}
        data = message_data.batch_data(messages, self._trigger.data_type)
        return data, message_data.batch_metadata(messages)

    async def _run(
        self,
        messages: Sequence[ServiceBusReceivedMessage],
        convert: Callable[[], tuple[TypedData, dict[str, TypedData]]],
    ) -> None:
        """Run the function, then complete its messages, or abandon them if it failed."""
        done = False
        try:
            data, metadata = convert()
            await self._invoker.run(
                self._function,
                data,
                metadata,
                values=message_data.values_of(metadata),
                identities=[
                    Identity(
                        f"{self._trigger.queue}\n{message.sequence_number}",
                        message.message_id or "",
                    )
                    for message in messages
                ],
            )
            done = True
        except InvocationFailed:
            log.debug("function %s: abandoning %s", self._function.name, _name(messages))
        except message_data.BodyNotJson as error:
            log.error("function %s failed: %s (%s)", self._function.name, error, _name(messages))
        except Exception:
            log.exception("function %s: abandoning %s", self._function.name, _name(messages))
        finally:
            # Also after a cancellation: the messages need not wait for their locks to expire.
            await self._settle(messages, done=done)

    async def _settle(self, messages: Sequence[ServiceBusReceivedMessage], *, done: bool) -> None:
        """Complete, or abandon. The broker counts deliveries and dead-letters in the end."""
        if done and not self._options.auto_complete_messages:
            return
        settle = self._link.complete if done else self._link.abandon
        await asyncio.gather(*(settle(message) for message in messages))

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)


def _name(messages: Sequence[ServiceBusReceivedMessage]) -> str:
    """Messages by sequence number, for log lines."""
    first, last = messages[0].sequence_number, messages[-1].sequence_number
    return f"message {first}" if len(messages) == 1 else f"messages {first} to {last}"
