import time

import pytest

from inference.errors import Overloaded
from inference.serving import admission
from inference.serving.deadlines import Wait


def require_time(*, before: int, seconds: float, units: int = 1) -> None:
    wait = Wait(time.monotonic() + seconds)
    admission.require_time(units, before=before, unit_s=0.01, wait=wait)


async def test_a_request_that_would_be_late_is_refused_at_once():
    require_time(before=40, seconds=1)
    with pytest.raises(Overloaded, match=r"about 0\.6 s"):
        require_time(before=60, seconds=1)
    with pytest.raises(Overloaded):
        require_time(before=40, seconds=1, units=60)


async def test_a_request_with_time_to_wait_for_the_running_call_is_admitted():
    require_time(before=1, seconds=0.025)


async def test_a_request_without_a_deadline_is_always_admitted():
    admission.require_time(1, before=10**6, unit_s=1.0, wait=Wait())


async def test_an_idle_model_is_called_however_slow_it_was():
    require_time(before=0, seconds=0.001, units=1000)
