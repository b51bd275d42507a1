"""What is closed when the event loop ends, and how long that takes."""

import asyncio

from inference.serving import shutdown


def test_all_are_closed_in_order_when_the_loop_ends_though_one_fails():
    closed = []

    async def fails() -> None:
        closed.append("fails")
        raise RuntimeError

    async def closes() -> None:
        await asyncio.sleep(0.01)
        closed.append("closes")

    async def main() -> None:
        shutdown.close_with_loop(fails, closes)
        await asyncio.sleep(0)
        assert closed == []

    asyncio.run(main())
    assert closed == ["fails", "closes"]


def test_a_close_that_hangs_delays_the_end_no_longer_than_its_limit(monkeypatch):
    monkeypatch.setattr(shutdown, "CLOSE_S", 0.05)
    closed = []

    async def closes() -> None:
        closed.append(1)

    async def main() -> None:
        shutdown.close_with_loop(asyncio.Event().wait, closes)
        await asyncio.sleep(0)

    asyncio.run(main())
    assert closed == [1]


def test_without_a_loop_nothing_is_closed():
    shutdown.close_with_loop(asyncio.Event().wait)
