"""The budget for the memory of bodies, and where its default comes from."""

import asyncio
from contextlib import AsyncExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.errors import Overloaded, SettingError
from inference.instance_memory import cgroup_limits, memory_limit_bytes
from inference.rows import media_types
from inference.rows.body_budget import BodyBudget
from inference.serving.request_bodies import RequestBodies
from inference.settings import InferenceSettings


class Work:
    """Bodies by name, each held until it ends."""

    def __init__(self, limit: int) -> None:
        self.budget = BodyBudget(limit)
        self.held: dict[str, int] = {}
        self._ends: dict[str, asyncio.Event] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def begin(self, name: str, size: int) -> None:
        self._ends[name] = asyncio.Event()
        self.tasks[name] = asyncio.create_task(self._hold(name, size))
        await asyncio.sleep(0)

    async def end(self, name: str) -> None:
        self._ends[name].set()
        await self.tasks[name]
        await asyncio.sleep(0)

    async def _hold(self, name: str, size: int) -> None:
        async with self.budget.hold(size, patient=True):
            self.held[name] = size
            try:
                await self._ends[name].wait()
            finally:
                del self.held[name]


async def test_a_body_beyond_the_budget_is_refused_if_its_caller_is_waiting():
    budget = BodyBudget(1000)
    async with budget.hold(500, patient=False):
        with pytest.raises(Overloaded, match="MAX_BODIES_IN_WORK_BYTES"):
            async with budget.hold(500, patient=False):
                pass
    async with budget.hold(500, patient=False):
        pass


async def test_patient_bodies_are_admitted_in_the_order_they_came():
    work = Work(1000)
    await work.begin("first", 800)
    await work.begin("large", 800)
    await work.begin("fits", 50)
    assert set(work.held) == {"first"}
    await work.end("first")
    assert set(work.held) == {"large", "fits"}


async def test_a_body_larger_than_the_whole_budget_is_admitted_alone():
    work = Work(1000)
    await work.begin("first", 800)
    await work.begin("giant", 5000)
    await work.begin("last", 800)
    assert set(work.held) == {"first"}
    await work.end("first")
    assert set(work.held) == {"giant"}
    await work.end("giant")
    assert set(work.held) == {"last"}


async def test_a_small_body_is_not_refused_because_a_large_one_waits():
    work = Work(25600)
    await work.begin("first", 20000)
    await work.begin("large", 20000)
    async with work.budget.hold(100, patient=False):
        assert set(work.held) == {"first"}


async def test_a_cancelled_waiter_leaves_the_queue():
    work = Work(1000)
    await work.begin("first", 500)
    await work.begin("leaves", 800)
    await work.begin("fits", 300)
    work.tasks["leaves"].cancel()
    await asyncio.wait([work.tasks["leaves"]])
    await asyncio.sleep(0)
    assert set(work.held) == {"first", "fits"}


async def test_a_waiter_cancelled_while_admitted_gives_its_bytes_back():
    work = Work(1000)
    await work.begin("first", 800)
    await work.begin("leaves", 800)
    await work.begin("next", 800)
    work._ends["first"].set()
    while work.held:
        await asyncio.sleep(0)
    work.tasks["leaves"].cancel()
    await asyncio.wait([work.tasks["leaves"]])
    await asyncio.sleep(0)
    assert set(work.held) == {"next"}


@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["begin", "end", "leave"]), st.integers(1, 1500)), max_size=40
    )
)
async def test_bodies_never_exceed_the_limit_together(steps):
    work = Work(1000)
    for number, (step, size) in enumerate(steps):
        names = sorted(name for name, task in work.tasks.items() if not task.done())
        if step == "begin":
            await work.begin(f"{number:03d}", size)
        elif step == "end" and work.held:
            await work.end(sorted(work.held)[size % len(work.held)])
        elif names:
            task = work.tasks[names[size % len(names)]]
            task.cancel()
            await asyncio.wait([task])
            await asyncio.sleep(0)
        large = [held for held in work.held.values() if held > 3]
        assert sum(work.held.values()) <= 1000 or len(large) == 1
    while work.held:
        await work.end(min(work.held))
    assert all(task.done() for task in work.tasks.values())


@pytest.mark.parametrize("form", media_types.FORMATS)
async def test_small_blobs_do_not_wait_for_one_another(model_dir, form):
    settings = InferenceSettings(model_dir=model_dir, max_bodies_in_work_bytes=1 << 29)
    bodies = RequestBodies(settings)
    async with AsyncExitStack() as held:
        for _ in range(8):
            await asyncio.wait_for(held.enter_async_context(bodies.table(form, 10_000)), 1)


@pytest.mark.parametrize("size", [None, 50_000_000])
async def test_a_long_parquet_blob_is_read_alone(model_dir, size):
    settings = InferenceSettings(model_dir=model_dir, max_bodies_in_work_bytes=1 << 29)
    bodies = RequestBodies(settings)

    async def second() -> None:
        async with bodies.table(media_types.PARQUET, size):
            pass

    async with bodies.table(media_types.PARQUET, size):
        waiting = asyncio.create_task(second())
        await asyncio.sleep(0)
        assert not (await asyncio.wait([waiting], timeout=0))[0]
    await waiting


def test_a_containers_limit_is_the_instances_memory(tmp_path):
    told, none = tmp_path / "memory.max", tmp_path / "none"
    physical = memory_limit_bytes([none])
    told.write_text("1073741824\n")
    assert memory_limit_bytes([none, told]) == min(1073741824, physical)
    told.write_text("max\n")
    assert memory_limit_bytes([told]) == physical
    told.write_text("9223372036854771712\n")
    assert memory_limit_bytes([told]) == physical


def test_the_smallest_limit_of_nested_groups_counts(tmp_path):
    own = tmp_path / "slice/service"
    own.mkdir(parents=True)
    (own / "memory.max").write_text("max\n")
    (tmp_path / "slice/memory.max").write_text("1000000\n")
    assert (
        memory_limit_bytes(cgroup_limits("1:name=systemd:/\n0::/slice/service\n", tmp_path))
        == 1_000_000
    )
    assert cgroup_limits("4:memory:/other\n", tmp_path) == []


def test_a_quarter_of_the_memory_is_for_bodies_unless_a_setting_says_otherwise(model_dir):
    env = {"AZUREML_MODEL_DIR": str(model_dir)}
    settings = InferenceSettings.from_env(env, root=model_dir)
    assert settings.max_bodies_in_work_bytes == memory_limit_bytes() // 4
    env["MAX_BODIES_IN_WORK_BYTES"] = "1000"
    assert InferenceSettings.from_env(env, root=model_dir).max_bodies_in_work_bytes == 1000
    env["MAX_BODIES_IN_WORK_BYTES"] = "-1"
    with pytest.raises(SettingError, match="MAX_BODIES_IN_WORK_BYTES"):
        InferenceSettings.from_env(env, root=model_dir)
