"""What a queue keeps over a restart, and what it drops."""

from __future__ import annotations

import pytest

from local.emulators.servicebus.broker.errors import StoreError
from local.emulators.servicebus.broker.message import DeadLetter
from local.emulators.servicebus.broker.sequence_heap import SequenceHeap
from local.emulators.servicebus.broker.store import Store
from tests.local.emulators.servicebus_bench import benches


@pytest.fixture
def bench(tmp_path):
    with benches(tmp_path) as make:
        yield make


def test_a_queue_is_the_same_after_a_restart_except_for_its_locks(bench):
    it = bench(duplicate_window_ms=10_000)
    it.send(b"gone", b"tried", b"dead", b"deferred", b"locked")
    it.send(b"scheduled", scheduled_ms=it.clock.now_ms + 5000)
    it.queue.complete(it.queue.receive(None).token)
    it.queue.abandon(it.queue.receive(None).token)
    (_, dead, deferred, _) = [it.queue.receive(None) for _ in range(4)]
    it.queue.dead_letter(dead.token, DeadLetter("bad"))
    it.queue.defer(deferred.token, b"edited")
    it.reopen()
    assert it.queue.locks_held == 0
    assert it.queue.receive(None).message.delivery_count == 1
    assert it.take_all() == [b"locked"]
    assert it.take_all(it.queue.dead_letters) == [b"dead"]
    assert it.queue.take_deferred([4])[0].draft.content == b"edited"
    assert it.send(b"gone") == [1]
    assert it.send(b"new") == [7]
    it.pass_by(5000)
    assert it.take_all() == [b"tried", b"scheduled", b"new"]


def test_a_lock_that_a_restart_ended_is_no_failed_delivery(bench):
    it = bench()
    it.send(b"a")
    before = it.queue.receive(None)
    it.reopen()
    after = it.queue.receive(None)
    assert (after.message.delivery_count, after.token == before.token) == (0, False)


def test_a_sequence_number_is_never_used_again(bench):
    it = bench()
    it.send(b"a", b"b")
    it.take_all()
    it.reopen()
    assert it.send(b"c") == [3]


def test_messages_that_expired_while_the_broker_was_down_are_gone(bench):
    it = bench(default_ttl_ms=100)
    it.send(b"a")
    it.clock.now_ms += 100
    it.reopen()
    it.reopen()
    assert len(it.queue) == 0


def test_a_store_refuses_a_second_process_and_a_foreign_file(tmp_path):
    store = Store(tmp_path / "queues.db")
    with pytest.raises(StoreError, match="locked"):
        Store(tmp_path / "queues.db")
    store.close()
    (tmp_path / "foreign.db").write_text("not a database, but long enough to be read as one" * 9)
    with pytest.raises(StoreError, match="not a database"):
        Store(tmp_path / "foreign.db")


def test_a_heap_drops_discarded_entries_and_their_memory():
    ranking = SequenceHeap()
    for number in range(10_000):
        ranking.put(number, -number)
        ranking.discard(number)
    ranking.put(1, 5)
    ranking.put(2, 4)
    ranking.put(1, 3)
    assert len(ranking._heap) < 200
    assert ranking.pop(up_to=2) is None
    assert [ranking.pop(), ranking.pop(), ranking.pop()] == [1, 2, None]
