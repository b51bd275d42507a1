"""The states of messages in a queue, with a clock that the tests set."""

from __future__ import annotations

import pytest

from local.emulators.servicebus.broker.errors import LockLost, MessageNotFound
from local.emulators.servicebus.broker.message import DeadLetter, State
from tests.local.emulators.servicebus_bench import benches


@pytest.fixture
def bench(tmp_path):
    with benches(tmp_path) as make:
        yield make


def test_messages_leave_in_the_order_they_came(bench):
    it = bench()
    assert it.send(b"a", b"b", b"c") == [1, 2, 3]
    assert it.take_all() == [b"a", b"b", b"c"]
    assert len(it.queue) == 0


def test_a_locked_message_is_delivered_to_one_receiver_only(bench):
    it = bench()
    it.send(b"a")
    assert it.queue.receive(None)
    assert it.queue.receive(None) is None


def test_a_completed_message_is_gone_and_its_lock_too(bench):
    it = bench()
    it.send(b"a")
    token = it.queue.receive(None).token
    it.queue.complete(token)
    with pytest.raises(LockLost):
        it.queue.complete(token)
    assert len(it.queue) == it.queue.locks_held == 0


def test_an_abandoned_message_returns_to_its_place_with_one_more_delivery(bench):
    it = bench()
    it.send(b"a", b"b")
    it.queue.abandon(it.queue.receive(None).token)
    again = it.queue.receive(None).message
    assert (again.draft.content, again.delivery_count) == (b"a", 1)


def test_a_released_message_has_no_failed_delivery(bench):
    it = bench()
    it.send(b"a")
    it.queue.release(it.queue.receive(None).token)
    assert it.queue.receive(None).message.delivery_count == 0


class Holder:
    def __init__(self):
        self.lost = []

    def lock_lost(self, token):
        self.lost.append(token)


def test_a_lock_expires_and_its_holder_is_notified(bench):
    it, holder = bench(), Holder()
    it.send(b"a")
    token = it.queue.receive(holder).token
    it.pass_by(999)
    assert it.queue.receive(None) is None
    it.pass_by(1)
    assert holder.lost == [token]
    with pytest.raises(LockLost):
        it.queue.complete(token)
    assert it.queue.receive(None).message.delivery_count == 1


def test_a_renewed_lock_lasts_its_full_duration_again(bench):
    it = bench()
    it.send(b"a", b"b")
    first, second = it.queue.receive(None), it.queue.receive(None)
    it.pass_by(900)
    assert it.queue.renew(first.token) == it.clock.now_ms + 1000
    it.pass_by(900)
    it.queue.complete(first.token)
    with pytest.raises(LockLost):
        it.queue.complete(second.token)


def test_after_the_last_delivery_a_message_is_dead_lettered_with_a_reason(bench):
    it = bench()
    it.send(b"a")
    for _ in range(2):
        it.queue.abandon(it.queue.receive(None).token)
    it.queue.receive(None)
    it.pass_by(1000)
    assert it.queue.receive(None) is None
    dead = it.queue.dead_letters.receive(None).message
    assert dead.dead.reason == "MaxDeliveryCountExceeded"
    assert (dead.sequence, dead.delivery_count) == (1, 3)


def test_a_dead_letter_keeps_its_reason_and_stays(bench):
    it = bench()
    it.send(b"a")
    it.queue.dead_letter(it.queue.receive(None).token, DeadLetter("bad", "very"))
    for _ in range(5):
        it.queue.dead_letters.abandon(it.queue.dead_letters.receive(None).token)
    again = it.queue.dead_letters.receive(None).message
    assert (again.dead, again.delivery_count) == (DeadLetter("bad", "very"), 5)


def test_a_deferred_message_is_received_by_its_number_only(bench):
    it = bench()
    (sequence,) = it.send(b"a")
    it.queue.defer(it.queue.receive(None).token)
    assert it.queue.receive(None) is None
    (delivery,) = it.queue.receive_deferred([sequence])
    with pytest.raises(MessageNotFound):
        it.queue.receive_deferred([sequence])
    it.pass_by(1000)
    (again,) = it.queue.receive_deferred([sequence])
    assert (again.message.state, again.message.delivery_count) == (State.DEFERRED, 1)
    it.queue.complete(again.token)
    assert len(it.queue) == 0
    assert delivery.token != again.token


def test_deferred_messages_are_received_all_or_none(bench):
    it = bench()
    it.send(b"a", b"b")
    it.queue.defer(it.queue.receive(None).token)
    with pytest.raises(MessageNotFound) as missing:
        it.queue.take_deferred([1, 2])
    assert missing.value.sequence == 2
    assert [message.draft.content for message in it.queue.take_deferred([1, 1])] == [b"a"]


def test_an_expired_message_is_dropped(bench):
    it = bench(default_ttl_ms=5000)
    it.send(b"short", ttl_ms=100)
    it.send(b"long", ttl_ms=999_999)
    it.pass_by(100)
    assert len(it.queue) == 1
    it.pass_by(4900)
    assert len(it.queue) == 0


def test_an_expired_message_is_dead_lettered_if_its_queue_is_set_so(bench):
    it = bench(default_ttl_ms=100, dead_letters_expired=True)
    it.send(b"a")
    it.pass_by(100)
    assert it.queue.dead_letters.receive(None).message.dead.reason == "TTLExpiredException"
    it.pass_by(100_000)
    assert len(it.queue.dead_letters) == 1


def test_an_expired_message_is_not_delivered_even_before_the_timer(bench):
    it = bench(default_ttl_ms=100)
    it.send(b"a")
    it.clock.now_ms += 100
    assert it.queue.peek(0, 10) == []
    assert it.queue.receive(None) is None


def test_a_locked_message_may_be_completed_after_it_expired(bench):
    it = bench(default_ttl_ms=100)
    it.send(b"a", b"b")
    kept, lost = it.queue.receive(None), it.queue.receive(None)
    it.pass_by(500)
    it.queue.complete(kept.token)
    it.queue.abandon(lost.token)
    assert len(it.queue) == 0


def test_a_scheduled_message_is_delivered_when_it_is_due(bench):
    it = bench(default_ttl_ms=1000)
    due_ms = it.clock.now_ms + 5000
    it.send(b"later", scheduled_ms=due_ms)
    it.send(b"now")
    assert it.queue.peek(0, 10)[0].state is State.SCHEDULED
    assert it.queue.next_deadline_ms() == it.clock.now_ms + 1000
    assert it.take_all() == [b"now"]
    assert it.queue.next_deadline_ms() == due_ms
    it.pass_by(5000)
    assert it.queue.receive(None).message.enqueued_ms == due_ms


def test_scheduled_messages_are_cancelled_all_or_none(bench):
    it = bench()
    sequences = it.send(b"a", b"b", scheduled_ms=it.clock.now_ms + 5000)
    with pytest.raises(MessageNotFound):
        it.queue.cancel_scheduled([*sequences, 99])
    it.queue.cancel_scheduled(sequences)
    it.pass_by(5000)
    assert it.take_all() == []


def test_a_peek_shows_messages_of_every_state_in_order_and_locks_none(bench):
    it = bench()
    it.send(b"deferred", b"locked", b"ready")
    it.send(b"scheduled", scheduled_ms=it.clock.now_ms + 5000)
    it.queue.defer(it.queue.receive(None).token)
    it.queue.receive(None)
    assert [message.sequence for message in it.queue.peek(2, 2)] == [2, 3]
    assert [message.sequence for message in it.queue.peek(0, 99)] == [1, 2, 3, 4]
    assert it.take_all() == [b"ready"]


def test_a_duplicate_is_dropped_within_the_window_even_if_the_first_is_gone(bench):
    it = bench(duplicate_window_ms=1000)
    assert it.send(b"a", b"a") == [1, 1]
    assert it.take_all() == [b"a"]
    it.send(b"a")
    it.pass_by(999)
    it.send(b"a")
    assert it.take_all() == []
    it.pass_by(1)
    assert it.send(b"a") == [2]


def test_without_duplicate_detection_nothing_is_a_duplicate(bench):
    it = bench()
    it.send(b"a", b"a")
    assert it.take_all() == [b"a", b"a"]
