"""Messages that wait are sent together; each sender gets its outcome."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import pytest

from triggers.delivery.batch_sender import BatchSender
from triggers.delivery.output_queue import Outgoing


class Queue:
    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.open = threading.Event()
        self.open.set()
        self.failure: Exception | None = None
        self.closed = False

    def send_all(self, messages: Sequence[Outgoing]) -> None:
        self.open.wait(10)
        self.calls.append([message.body for message in messages])
        if self.failure:
            raise self.failure

    def close(self) -> None:
        self.closed = True


async def test_messages_that_wait_for_a_call_go_into_the_next_one() -> None:
    queue = Queue()
    sender = BatchSender(queue.send_all, queue.close)
    queue.open.clear()
    first = asyncio.create_task(sender.send(Outgoing("0")))
    await asyncio.sleep(0.01)
    others = [asyncio.create_task(sender.send(Outgoing(str(n)))) for n in range(1, 5)]
    await asyncio.sleep(0.01)
    queue.open.set()
    await asyncio.gather(first, *others)
    assert queue.calls == [["0"], ["1", "2", "3", "4"]]
    await sender.close()
    assert queue.closed


async def test_a_failure_is_that_of_all_messages_in_the_call_and_of_no_later_one() -> None:
    queue = Queue()
    sender = BatchSender(queue.send_all)
    queue.failure = ConnectionError("away")
    ended = await asyncio.gather(
        *(sender.send(Outgoing(str(n))) for n in range(3)), return_exceptions=True
    )
    assert [type(each) for each in ended] == [ConnectionError] * 3
    queue.failure = None
    await sender.send(Outgoing("later"))
    assert queue.calls[-1] == ["later"]


async def test_a_message_that_is_too_large_fails_alone() -> None:
    def send_all(messages: Sequence[Outgoing]) -> None:
        if any(message.body == "large" for message in messages):
            raise ValueError("too large")

    sender = BatchSender(send_all)
    ended = await asyncio.gather(
        *(sender.send(Outgoing(body)) for body in ("a", "large", "b")), return_exceptions=True
    )
    assert [type(each) for each in ended] == [type(None), ValueError, type(None)]


async def test_a_sender_that_gives_up_ends_no_other() -> None:
    queue = Queue()
    sender = BatchSender(queue.send_all)
    queue.open.clear()
    given_up = asyncio.create_task(sender.send(Outgoing("a")))
    other = asyncio.create_task(sender.send(Outgoing("b")))
    await asyncio.sleep(0.01)
    given_up.cancel()
    queue.open.set()
    await other
    with pytest.raises(asyncio.CancelledError):
        await given_up


@pytest.mark.parametrize("turns", [0, 3])
async def test_every_message_has_an_outcome_when_the_sending_task_is_cancelled(turns: int) -> None:
    """Before its first step, and while a call runs."""
    queue = Queue()
    queue.open.clear()
    sender = BatchSender(queue.send_all)
    senders = [asyncio.create_task(sender.send(Outgoing(body))) for body in "abc"]
    await asyncio.sleep(0)
    for _ in range(turns):
        await asyncio.sleep(0)
    sending = sender._sending
    assert sending is not None
    late = asyncio.create_task(sender.send(Outgoing("late")))
    await asyncio.sleep(0)
    sending.cancel()
    queue.open.set()
    async with asyncio.timeout(5):
        ended = await asyncio.gather(*senders, late, return_exceptions=True)
    assert {type(each) for each in ended} == {ConnectionAbortedError}
    await sender.send(Outgoing("next"))
    assert queue.calls[-1] == ["next"]


async def test_a_message_that_comes_in_the_last_turn_of_sending_is_sent() -> None:
    """A sender whose message was sent goes on before the sending task is known to have ended."""
    queue = Queue()
    sender = BatchSender(queue.send_all)
    async with asyncio.timeout(5):
        for body in "abc":
            await sender.send(Outgoing(body))
    assert queue.calls == [["a"], ["b"], ["c"]]


async def test_what_waits_is_sent_before_the_connection_is_closed() -> None:
    queue = Queue()
    queue.open.clear()
    sender = BatchSender(queue.send_all, lambda: queue.calls.append(["closed"]))
    senders = [asyncio.create_task(sender.send(Outgoing("first")))]
    await asyncio.sleep(0.01)
    senders.append(asyncio.create_task(sender.send(Outgoing("second"))))
    await asyncio.sleep(0)
    closing = asyncio.create_task(sender.close())
    await asyncio.sleep(0)
    queue.open.set()
    async with asyncio.timeout(5):
        await asyncio.gather(closing, *senders)
    assert queue.calls == [["first"], ["second"], ["closed"]]
