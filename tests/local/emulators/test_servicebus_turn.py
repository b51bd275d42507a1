"""The order of a turn's end: deal, commit, and only then send."""

from __future__ import annotations

import asyncio

import pytest

from local.emulators.servicebus.broker.errors import StoreError
from local.emulators.servicebus.turn import Turn


class Journal:
    def __init__(self, done):
        self.done = done
        self.broken = False

    def commit(self):
        if self.broken:
            raise StoreError("disk full")
        self.done.append("commit")


class Part:
    def __init__(self, done):
        self.done = done

    def deal(self):
        self.done.append("deal")

    def flush(self):
        self.done.append("flush")


@pytest.fixture
def done():
    return []


@pytest.fixture
def failures():
    return []


@pytest.fixture
def journal(done):
    return Journal(done)


@pytest.fixture
async def turn(journal, failures):
    return Turn(asyncio.get_running_loop(), journal, failures.append)


async def _next_turn():
    for _ in range(2):
        await asyncio.sleep(0)


async def test_nothing_is_sent_before_it_is_committed(turn, done):
    part = Part(done)
    turn.write(part)
    turn.write(part)
    turn.when_dealt(lambda: done.append("dealt"))
    turn.deal(part)
    assert done == []
    await _next_turn()
    assert done == ["deal", "dealt", "commit", "flush"]


async def test_nothing_is_sent_any_more_once_a_commit_has_failed(turn, journal, done, failures):
    journal.broken = True
    turn.write(Part(done))
    await _next_turn()
    journal.broken = False
    turn.write(Part(done))
    await _next_turn()
    assert done == []
    assert [str(failure) for failure in failures] == ["disk full"]
