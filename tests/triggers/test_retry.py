"""Retries, on a clock that only sleeps move."""

import asyncio

import pytest

from triggers.retry import Retry


class Passing(Exception):
    pass


class Clock:
    def __init__(self):
        self.now, self.pauses = 1000.0, []

    def retry(self, **settings):
        return Retry(clock=lambda: self.now, sleep=self.sleep, **settings)

    async def sleep(self, seconds):
        self.pauses.append(seconds)
        self.now += seconds


def failing(times, error=Passing):
    """A call that fails so often, then returns how often it was made."""
    made = 0

    async def call():
        nonlocal made
        made += 1
        if made <= times:
            raise error(made)
        return made

    return call


def passes(error):
    return isinstance(error, Passing)


async def test_a_retryable_error_is_retried_with_growing_pauses():
    clock = Clock()
    assert await clock.retry(max_s=300).run(failing(8), retryable=passes) == 9
    full = [0.5, 1, 2, 4, 8, 15, 15, 15]
    assert len(clock.pauses) == len(full)
    assert all(0.75 * most <= pause <= most for pause, most in zip(clock.pauses, full, strict=True))


async def test_other_errors_are_raised_at_once():
    clock = Clock()
    with pytest.raises(KeyError):
        await clock.retry(max_s=300).run(failing(1, KeyError), retryable=passes)
    assert clock.pauses == []


async def test_after_max_s_the_last_error_is_raised():
    clock = Clock()
    told = []
    with pytest.raises(Passing) as raised:
        await clock.retry(max_s=60).run(
            failing(1000), retryable=passes, on_retry=lambda error, pause_s: told.append(error.args)
        )
    assert 30 < clock.now - 1000 <= 60
    assert raised.value.args == (len(clock.pauses) + 1,)
    assert told == [(each + 1,) for each in range(len(clock.pauses))]


async def test_max_s_counts_from_the_first_failure():
    clock = Clock()

    async def slow_then_failing():
        clock.now += 500 if not clock.pauses else 0
        return await attempt()

    attempt = failing(2)
    assert await clock.retry(max_s=60).run(slow_then_failing, retryable=passes) == 3


async def test_a_cancelled_caller_does_not_retry():
    retry = Retry(max_s=60, first_pause_s=30)
    task = asyncio.create_task(retry.run(failing(5), retryable=passes))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
