"""Many rows whose callers have gone: what comes for the same rows then begins anew."""

import asyncio

import numpy as np
import pytest

from inference.scripts.array_rows import ArrayRows
from inference.serving import single_flight
from inference.serving.computation import ComputeOptions
from inference.serving.deadlines import Wait
from tests.inference.serving.virtual import Core, Model, run

COUNT = 3


async def at_once(quick, size, call):
    return call()


@pytest.fixture(autouse=True)
def on_the_loop(monkeypatch):
    monkeypatch.setattr(single_flight, "off_loop", at_once)


def test_nobody_joins_rows_that_were_given_up():
    """The second caller comes in the turn of the event loop in which the first one's task ends."""

    async def asked_again_at_the_end():
        core = Core(Model())
        later = []

        async def call_rows(question, *, wait, abandoned):
            if later:
                return [b"1"] * COUNT
            later.append(asyncio.create_task(ask()))
            return [b"1"]  # the others were not computed: nobody waits for them

        async def ask():
            question = ArrayRows(np.zeros((COUNT, 1)))
            options = ComputeOptions(far=False, lease=False)
            keys = ["a", "b", "c"]
            return await core.single_flight.compute_many(question, keys, options, Wait())

        core.caller.call_rows = call_rows
        first = asyncio.create_task(ask())
        await asyncio.wait([first])
        return await later[0]

    assert run(asked_again_at_the_end()) == ([b"1"] * COUNT, COUNT)
