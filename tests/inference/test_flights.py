import asyncio

import pytest

from inference.flights import Flights


class Runway:
    """A computation that lands when it is told to."""

    def __init__(self) -> None:
        self.started = 0
        self.clear = asyncio.Event()

    async def compute(self) -> int:
        self.started += 1
        await self.clear.wait()
        return self.started


async def waiting(
    flights: Flights[int], runway: Runway, count: int
) -> list[asyncio.Task[tuple[int, bool]]]:
    tasks = [asyncio.create_task(flights.join("key", runway.compute)) for _ in range(count)]
    while not runway.started:
        await asyncio.sleep(0)
    return tasks


async def test_equal_questions_share_one_computation():
    flights, runway = Flights[int](), Runway()
    tasks = await waiting(flights, runway, 3)
    runway.clear.set()
    assert await asyncio.gather(*tasks) == [(1, False), (1, True), (1, True)]


@pytest.mark.parametrize("who", [0, 1, 2])
async def test_a_cancelled_waiter_leaves_alone(who):
    flights, runway = Flights[int](), Runway()
    tasks = await waiting(flights, runway, 3)
    tasks.pop(who).cancel()
    await asyncio.sleep(0)
    runway.clear.set()
    assert [value for value, _ in await asyncio.gather(*tasks)] == [1, 1]


async def test_a_flight_that_everybody_left_still_lands():
    flights, runway = Flights[int](), Runway()
    (task,) = await waiting(flights, runway, 1)
    task.cancel()
    await asyncio.sleep(0)
    runway.clear.set()
    await flights.close()
    assert repr(flights) == "<Flights under_way=0>"


async def test_an_error_reaches_every_waiter_and_is_not_kept():
    flights = Flights[int]()

    async def fail() -> int:
        await asyncio.sleep(0)
        raise ValueError("once")

    async def succeed() -> int:
        return 7

    outcomes = await asyncio.gather(
        *(flights.join("key", fail) for _ in range(3)), return_exceptions=True
    )
    assert [str(outcome) for outcome in outcomes] == ["once"] * 3
    assert await flights.join("key", succeed) == (7, False)
