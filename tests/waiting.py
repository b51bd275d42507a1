"""Waiting on conditions: the tests' only way to wait."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import Any

#: Seconds between two checks of a condition.
EVERY_S = 0.02


def eventually(predicate: Callable[[], Any], timeout_s: float = 10) -> Any:
    """The first true value of `predicate()`; raises AssertionError if none comes in time."""
    deadline = time.monotonic() + timeout_s
    while not (value := predicate()):
        assert time.monotonic() < deadline, _too_late(predicate, timeout_s, value)
        time.sleep(EVERY_S)
    return value


async def eventually_async(
    predicate: Callable[[], Any | Awaitable[Any]], timeout_s: float = 10
) -> Any:
    """Like `eventually`, on the event loop; the predicate may be a coroutine function."""
    deadline = time.monotonic() + timeout_s
    while True:
        value = predicate()
        if inspect.isawaitable(value):
            value = await value
        if value:
            return value
        assert time.monotonic() < deadline, _too_late(predicate, timeout_s, value)
        await asyncio.sleep(EVERY_S)


def _too_late(predicate: Callable[[], Any], timeout_s: float, value: Any) -> str:
    try:
        source = inspect.getsource(predicate).strip()
    except (OSError, TypeError):
        source = repr(predicate)
    return f"not within {timeout_s} s, last {value!r}: {source}"
