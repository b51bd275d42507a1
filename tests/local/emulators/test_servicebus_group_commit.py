"""The order at the end of an iteration: deliver, commit, and only then send."""

from __future__ import annotations

import asyncio

import pytest

from local.emulators.servicebus.broker.errors import StoreError
from local.emulators.servicebus.group_commit import GroupCommit


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

    def deliver(self):
        self.done.append("deliver")

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
async def group_commit(journal, failures):
    return GroupCommit(asyncio.get_running_loop(), journal, failures.append)


async def _next_iteration():
    for _ in range(2):
        await asyncio.sleep(0)


async def test_nothing_is_sent_before_it_is_committed(group_commit, done):
    part = Part(done)
    group_commit.write(part)
    group_commit.write(part)
    group_commit.after_delivery(lambda: done.append("delivered"))
    group_commit.deliver(part)
    assert done == []
    await _next_iteration()
    assert done == ["deliver", "delivered", "commit", "flush"]


async def test_after_a_failed_commit_nothing_is_sent(group_commit, journal, done, failures):
    journal.broken = True
    group_commit.write(Part(done))
    await _next_iteration()
    journal.broken = False
    group_commit.write(Part(done))
    await _next_iteration()
    assert done == []
    assert [str(failure) for failure in failures] == ["disk full"]
