"""A simulation of the cache policy: its total time against that of the best fixed choice.

Costs are virtual and draws are seeded, so every run is the same. The fixed choices are: no cache,
the near cache alone, and the near cache with Redis, each for the whole of the traffic.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice

import pytest

from inference.counters.counts import Counts
from inference.serving.cache_policy import BACKGROUND_S, KEEP_COST, CachePolicy
from inference.settings import CacheMode

#: The policy takes at most so many times the time of the best fixed choice, on steady traffic and
#: on traffic that changes,
STEADY, CHANGING = 1.1, 1.3
#: and, while it learns, the time of so many predictions and lookups and so many seconds more.
LEARNING, LEARNING_S = 70, 0.1
#: Seconds of a lookup in the near cache.
NEAR_S = 1e-5

REQUESTS = 8_000
MODELS_S = (1e-5, 1e-4, 1e-3, 3e-2, 3.0)
HIT_RATES = (0.0, 0.05, 0.2, 0.5, 0.8, 1.0)


@dataclass
class World:
    """What things cost, in seconds, and what is stored where."""

    model_s: float
    #: A lookup in Redis; None: there is none.
    redis_s: float | None = None

    def run(self, traffic: Iterator[int], policy: CachePolicy, *, stored: bool = False) -> float:
        """The seconds that all requests take. `stored`: others have stored all rows in Redis."""
        near: set[int] = set()
        redis: set[int] = set()
        total_s = 0.0
        for row in traffic:
            plan = policy.plan(1, cacheable=True, recompute=False)
            if not plan.keys:
                total_s += self.model_s
                continue
            total_s += NEAR_S
            plan.policy.near.record(1, row in near, NEAR_S)
            if row in near:
                continue
            near.add(row)
            if plan.redis:
                assert self.redis_s is not None
                found = row in redis or stored
                redis.add(row)
                total_s += BACKGROUND_S if plan.background else self.redis_s
                plan.policy.redis.record(1, found, self.redis_s)
                if found and not plan.background:
                    continue
            total_s += self.model_s + KEEP_COST * NEAR_S
            plan.policy.learn(model_s=self.model_s, answer_s=self.model_s)
        return total_s

    def policy(self, mode: CacheMode = "auto", *, remote: bool | None = None) -> CachePolicy:
        remote = self.redis_s is not None if remote is None else remote
        return CachePolicy(mode, Counts(), near=True, remote=remote, draw=random.Random(1).random)

    def best(self, traffic: list[int], **more) -> float:
        """The seconds of the best fixed choice."""
        choices = [self.policy("off"), self.policy("always", remote=False)]
        if self.redis_s is not None:
            choices.append(self.policy("always"))
        return min(self.run(iter(traffic), each, **more) for each in choices)

    def bound(self, traffic: list[int], *, changes: int = 0, **more) -> float:
        """What the policy may take."""
        learning_s = LEARNING * (self.model_s + NEAR_S + (self.redis_s or 0)) + LEARNING_S
        factor = CHANGING if changes else STEADY
        return factor * self.best(traffic, **more) + learning_s * (1 + changes)


def rows(hit_rate: float, *, hot: int = 100, seed: int = 0) -> Iterator[int]:
    """Rows that recur as often: from so many hot ones, or new."""
    draw = random.Random(seed)
    new = hot + seed * 10_000_000
    while True:
        if draw.random() < hit_rate:
            yield draw.randrange(hot)
        else:
            yield (new := new + 1)


def take(*phases: tuple[int, Iterator[int]]) -> list[int]:
    return list(chain.from_iterable(islice(traffic, count) for count, traffic in phases))


@pytest.mark.parametrize("redis_s", [None, 2e-4, 3e-2])
@pytest.mark.parametrize("hit_rate", HIT_RATES)
@pytest.mark.parametrize("model_s", MODELS_S)
def test_steady_traffic_takes_little_more_than_with_the_best_fixed_choice(
    model_s, hit_rate, redis_s
):
    world = World(model_s, redis_s)
    traffic = take((REQUESTS, rows(hit_rate)))
    assert world.run(iter(traffic), world.policy()) <= world.bound(traffic)


@pytest.mark.parametrize("redis_s", [2e-4, 3e-2])
@pytest.mark.parametrize("model_s", MODELS_S)
def test_rows_that_others_stored_in_redis_are_found_where_that_pays(model_s, redis_s):
    world = World(model_s, redis_s)
    traffic = take((REQUESTS, rows(0.0)))
    taken_s = world.run(iter(traffic), world.policy(), stored=True)
    assert taken_s <= world.bound(traffic, stored=True)


@pytest.mark.parametrize("hot", [1, 100, 2_000])
@pytest.mark.parametrize("model_s", MODELS_S)
def test_traffic_that_changes_takes_little_more_than_with_the_best_fixed_choice(model_s, hot):
    world = World(model_s)
    phases = [rows(rate, hot=hot, seed=seed) for seed, rate in enumerate((0.0, 1.0, 0.0, 0.9))]
    traffic = take(*((REQUESTS, phase) for phase in phases))
    bound_s = world.bound(traffic, changes=len(phases) - 1)
    assert world.run(iter(traffic), world.policy()) <= bound_s


@pytest.mark.parametrize("model_s", [1e-4, 1e-3, 3e-2])
def test_it_turns_after_few_predictions_whichever_way_the_traffic_changes(model_s):
    world = World(model_s)
    policy = world.policy()
    world.run(islice(rows(0.0), REQUESTS), policy)
    assert not policy.one_unit.near.pays
    turned = _turns(world, policy, rows(1.0, hot=10, seed=1))
    assert turned <= 2_000
    assert _turns(world, policy, rows(0.0, seed=2)) <= 500


@pytest.mark.parametrize(("before_s", "after_s"), [(3e-2, 2e-4), (2e-4, 3e-2)])
def test_it_follows_a_redis_that_becomes_quick_or_slow(before_s, after_s):
    world = World(model_s=2e-3, redis_s=before_s)
    policy = world.policy()
    redis = policy.one_unit.redis
    new = rows(0.0)
    world.run(islice(new, 5_000), policy, stored=True)
    assert redis.pays == (before_s < world.model_s)
    world.redis_s = after_s
    world.run(islice(new, 5_000), policy, stored=True)
    assert redis.pays == (after_s < world.model_s)


@pytest.mark.parametrize(
    ("fixed", "hit_rate"), [("always", 0.0), ("off", 1.0)], ids=["always", "never"]
)
def test_a_policy_that_learns_nothing_breaks_the_bound(fixed, hit_rate):
    """Otherwise the bound would prove nothing."""
    world = World(model_s=5e-5)
    traffic = take((3 * REQUESTS, rows(hit_rate)))
    assert world.run(iter(traffic), world.policy(fixed)) > world.bound(traffic)


def test_a_policy_that_takes_no_samples_breaks_the_bound(monkeypatch):
    monkeypatch.setattr("inference.serving.cache_policy.EXPLORE_SHARE", 0.0)
    monkeypatch.setattr("inference.serving.cache_policy.MIN_SAMPLE", 0.0)
    world = World(model_s=1e-4)
    traffic = take((REQUESTS, rows(0.0)), (3 * REQUESTS, rows(1.0, seed=1)))
    assert world.run(iter(traffic), world.policy()) > world.bound(traffic, changes=1)


def _turns(world: World, policy: CachePolicy, traffic: Iterator[int]) -> int:
    """After how many requests the policy of the near cache changes its mind."""
    near = policy.one_unit.near
    before = near.pays
    seen: list[int] = []

    def until_it_turns() -> Iterator[int]:
        for row in islice(traffic, REQUESTS):
            if near.pays != before:
                return
            seen.append(row)
            yield row

    world.run(until_it_turns(), policy)
    return len(seen)
