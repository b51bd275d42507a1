"""The sessions of a queue, with a clock that the tests set."""

from __future__ import annotations

import pytest

from local.emulators.servicebus.broker.errors import (
    LockLost,
    NotAllowed,
    SessionCannotBeLocked,
    SessionLockLost,
)
from local.emulators.servicebus.broker.message import Draft
from tests.local.emulators.servicebus_bench import benches


class Holder:
    def __init__(self):
        self.lost = False

    def session_lost(self):
        self.lost = True


@pytest.fixture
def bench(tmp_path):
    """A queue with sessions of 1,000 ms; `a` has two messages, `b` one."""
    with benches(tmp_path) as make:
        it = make(requires_session=True)
        for body, session in ((b"a1", "a"), (b"b1", "b"), (b"a2", "a")):
            it.send(body, session_id=session)
        yield it


def _content(delivery):
    return delivery.message.draft.content


def test_a_receiver_gets_the_messages_of_its_session_in_order(bench):
    assert bench.queue.accept_session("a", Holder()) == "a"
    got = [bench.queue.receive(None, "a") for _ in range(2)]
    assert [_content(each) for each in got] == [b"a1", b"a2"]
    assert bench.queue.receive(None, "a") is None
    assert bench.queue.locks_held == 2


def test_the_next_available_session_is_the_one_that_waits_longest(bench):
    accepted = [bench.queue.accept_session(None, Holder()) for _ in range(3)]
    assert accepted == ["a", "b", None]


def test_a_session_is_locked_by_one_receiver(bench):
    first = Holder()
    bench.queue.accept_session("a", first)
    with pytest.raises(SessionCannotBeLocked):
        bench.queue.accept_session("a", Holder())
    bench.queue.close_session("a", first)
    assert bench.queue.accept_session("a", Holder()) == "a"


def test_a_closed_session_gives_back_its_messages_without_a_failed_delivery(bench):
    holder = Holder()
    bench.queue.accept_session("a", holder)
    token = bench.queue.receive(None, "a").token
    bench.queue.close_session("a", holder)
    with pytest.raises(LockLost):
        bench.queue.complete(token)
    bench.queue.accept_session("a", holder)
    again = bench.queue.receive(None, "a").message
    assert (again.draft.content, again.delivery_count) == (b"a1", 0)


def test_an_expired_session_is_reported_and_its_messages_count_a_failed_delivery(bench):
    holder = Holder()
    bench.queue.accept_session("a", holder)
    bench.queue.receive(None, "a")
    bench.pass_by(600)
    bench.queue.renew_session("a")
    bench.pass_by(600)
    assert not holder.lost
    bench.pass_by(600)
    assert holder.lost
    with pytest.raises(SessionLockLost):
        bench.queue.renew_session("a")
    bench.queue.accept_session("a", Holder())
    assert bench.queue.receive(None, "a").message.delivery_count == 1


def test_deferred_messages_belong_to_their_session(bench):
    bench.queue.accept_session("a", Holder())
    bench.queue.defer(bench.queue.receive(None, "a").token)
    with pytest.raises(SessionLockLost):
        bench.queue.receive_deferred([1])
    (again,) = bench.queue.receive_deferred([1], "a")
    assert _content(again) == b"a1"


def test_order_and_state_survive_a_restart(bench):
    bench.queue.session_states.put("a", b"state", 5)
    bench.queue.session_states.put("b", b"gone", 6)
    bench.queue.session_states.put("b", None, 7)
    bench.reopen()
    assert bench.queue.session_states.get("a") == b"state"
    assert bench.queue.session_states.get("b") is None
    bench.queue.accept_session("a", Holder())
    assert [m.draft.content for m in (bench.queue.take("a"), bench.queue.take("a"))] == [
        b"a1",
        b"a2",
    ]


def test_a_message_needs_a_session_id_and_a_batch_is_sent_whole_or_not(bench):
    drafts = [Draft("1", b"1", session_id="c"), Draft("2", b"2")]
    with pytest.raises(NotAllowed, match="SessionId was not set"):
        bench.queue.send_all(drafts)
    assert len(bench.queue) == 3


def test_dead_letters_have_no_sessions(bench):
    bench.queue.accept_session("a", Holder())
    for _ in range(3):
        bench.queue.abandon(bench.queue.receive(None, "a").token)
    assert bench.queue.dead_letters.take().draft.content == b"a1"
