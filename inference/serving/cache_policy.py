"""Which caches a question uses. This module alone decides; the others carry out what it says.

One rule serves the response cache, the near cache and Redis. A lookup pays while the time it saves
(hit rate x seconds of a prediction) exceeds the time it costs. While it pays, every question is
looked up. While it does not, only a random sample is: as many as cost EXPLORE_SHARE of the time
that predictions take. The sample shows when lookups pay again. Computations in flight are found by
the same keys as rows in the near cache, so they need no rule of their own. docs/caches.md explains
the four caches together.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import NamedTuple

from inference.counters.counts import CacheName, Counts, LookupCounts
from inference.settings import CacheMode

#: Units looked up, and seconds spent on that, before the first decision: an empty cache finds
#: little. 0.02 s are a thousand lookups in this process, and some with Redis.
MIN_UNITS, MIN_SPENT_S = 64, 0.02
#: How far gain and cost must be apart to change a decision. It keeps decisions from flapping.
MARGIN = 1.25
#: Share of the time of predictions that lookups which find nothing may cost.
EXPLORE_SHARE = 1 / 128
#: Share of the questions that are always looked up, whatever it costs.
MIN_SAMPLE = 1 / 1024
#: Averages are over about so many units, and over no fewer than so many questions.
MEMORY_UNITS, MEMORY_QUESTIONS = 64, 8
#: One lookup counts for at most so many times the average: a stalled machine decides nothing.
MAX_OUTLIER = 8
#: What this process does not find it keeps, which takes so many times as long as the lookup
#: (measured): a unit, registering its computation included, and a response.
KEEP_COST, KEEP_RESPONSE_COST = 2.0, 6.0
#: While lookups pay, only every so many questions are followed by a decision: it takes 0.3 us.
DECIDE_EVERY = 8
#: Processor seconds of a lookup in Redis that no caller waits for.
BACKGROUND_S = 0.0001
#: Seconds of a prediction from which processes take a lease on it: a lease costs a round trip.
LEASE_FROM_S = 0.05


#: By cache, and by whether questions have `one` unit or `many` rows: the share that is looked up.
Shares = list[tuple[tuple[CacheName, str], float]]


class LookupPolicy:
    """Decides about lookups in one cache, by what they cost and find.

    `keep_cost`: see KEEP_COST. `background`: sampled lookups make no caller wait.
    """

    def __init__(
        self,
        mode: CacheMode,
        counts: LookupCounts,
        *,
        keep_cost: float = 0.0,
        background: bool = False,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._learns = mode == "auto"
        self._counts, self._keep_cost, self._background = counts, keep_cost, background
        self._draw = draw
        #: Whether lookups pay.
        self.pays = mode != "off"
        #: Share of the questions that are looked up.
        self.share = float(self.pays)
        self.hit_rate = 0.0
        #: Seconds that the lookup of a unit takes, and that finding it saves. The latter is for
        #: the owner to set; it is 0 while nobody knows.
        self.lookup_s = self.saved_s = 0.0
        #: Seconds of a prediction without waiting, of which samples may cost EXPLORE_SHARE; set
        #: by the owner too. Waiting costs no processor time, so it pays for no lookups. 0: saved_s.
        self.work_s = 0.0
        self._units = self._questions = 0
        self._spent_s = 0.0

    def __repr__(self) -> str:
        return (
            f"<LookupPolicy {self.share:.1%} looked up, {self.hit_rate:.0%} hits,"
            f" {self.lookup_s * 1e6:.0f} us a lookup>"
        )

    def allows(self, units: int = 1) -> bool:
        """Whether to look up the next question, which has so many units."""
        if self.share >= 1.0 or self._draw() < self.share:
            return True
        self._counts.skip(units)
        return False

    def record(self, units: int, hits: int, seconds: float) -> None:
        """Count the lookup of one question, learn from it, and decide anew."""
        self._counts.record(hits, units - hits)
        self._units += units
        self._questions += 1
        self._spent_s += seconds
        weight, unit_s = units / MEMORY_UNITS, seconds / units
        weight = min(weight, 1 / MEMORY_QUESTIONS)
        if self._questions * weight < 1:  # an average over those so far
            weight = 1 / self._questions
        if unit_s > MAX_OUTLIER * self.lookup_s > 0:
            unit_s = MAX_OUTLIER * self.lookup_s
        self.hit_rate += weight * (hits / units - self.hit_rate)
        self.lookup_s += weight * (unit_s - self.lookup_s)
        if self._learns and not (self.pays and self._questions % DECIDE_EVERY):
            self._decide()

    def _decide(self) -> None:
        if self._units < MIN_UNITS or self._spent_s < MIN_SPENT_S:
            return
        if not self.saved_s:
            # All was found so far. Where nobody waits for the lookup, the model is called too.
            self.pays = False
            return
        gain = self.hit_rate * self.saved_s
        cost = self.lookup_s * (1 + self._keep_cost * (1 - self.hit_rate))
        self.pays = gain * MARGIN >= cost if self.pays else gain > cost * MARGIN
        if self.pays:
            self.share = 1.0
            return
        if self._background:
            cost = min(cost, BACKGROUND_S)
        work_s = self.work_s or self.saved_s
        self.share = min(1.0, max(MIN_SAMPLE, EXPLORE_SHARE * work_s / cost))


class SizePolicy:
    """The policies of the near cache and of Redis, for questions of one size.

    The lookup of a row costs less where many rows are looked up together.
    """

    def __init__(self, near: LookupPolicy, redis: LookupPolicy) -> None:
        self.near, self.redis = near, redis
        # Made once: there is a plan for every question.
        self.no_cache = Plan(self, keys=False)
        self.process_only = Plan(self, keys=True)
        self.everywhere = Plan(self, keys=True, redis=True)

    def learn(self, *, model_s: float, answer_s: float) -> None:
        """What a unit takes lately: seconds of the model alone, and of a caller's whole wait.

        A hit in this process saves the model's time, one in Redis a caller's.
        """
        self.near.saved_s, self.redis.saved_s = model_s, answer_s
        self.redis.work_s = model_s


class Plan(NamedTuple):
    """What is done for one question. Without keys it goes straight to the model."""

    policy: SizePolicy
    #: Name its units, and find and keep them in this process.
    keys: bool
    #: Find and store them in Redis too.
    redis: bool = False
    #: False: nothing is looked up, and the new answer replaces what is stored.
    lookup: bool = True

    @property
    def background(self) -> bool:
        """Whether Redis is only asked to learn whether that pays. Nobody waits for its answer:
        a caller who did would fall behind the others of a batch.
        """
        return not self.policy.redis.pays

    @property
    def lease(self) -> bool:
        """Whether to wait for another process that computes the same."""
        return self.redis and self.lookup and self.policy.redis.pays


class CachePolicy:
    """Decides for one process. `remote`: there is a Redis; `near`: this process may keep copies."""

    def __init__(
        self,
        mode: CacheMode,
        counts: Counts,
        *,
        near: bool,
        remote: bool,
        draw: Callable[[], float] = random.random,
    ) -> None:
        lookups = counts.lookups

        def sizes() -> SizePolicy:
            redis_mode = mode if remote else "off"
            return SizePolicy(
                LookupPolicy(mode, lookups["near"], keep_cost=KEEP_COST, draw=draw),
                LookupPolicy(redis_mode, lookups["redis"], background=True, draw=draw),
            )

        self._on, self._remote, self._in_flight = mode != "off", remote, lookups["in_flight"]
        self.response = LookupPolicy(
            mode if near else "off", lookups["response"], keep_cost=KEEP_RESPONSE_COST, draw=draw
        )
        self.one_unit, self.many_rows = sizes(), sizes()

    def __repr__(self) -> str:
        return f"<CachePolicy near {self.one_unit.near!r}, Redis {self.one_unit.redis!r}>"

    def shares(self) -> Shares:
        """What is looked up now."""
        shares: Shares = [(("response", "any"), self.response.share)]
        for rows, policy in (("one", self.one_unit), ("many", self.many_rows)):
            shares.append((("near", rows), policy.near.share))
            shares.append((("redis", rows), policy.redis.share))
        return shares

    def plan(self, units: int, *, cacheable: bool, recompute: bool) -> Plan:
        """What to do for a question of so many units."""
        policy = self.one_unit if units == 1 else self.many_rows
        if not (self._on and cacheable):
            return policy.no_cache
        if recompute:
            return Plan(policy, keys=True, redis=self._remote, lookup=False)
        near = policy.near.allows(units)
        if self._remote and policy.redis.allows(units):
            return policy.everywhere
        if near:
            return policy.process_only
        self._in_flight.skip(units)
        return policy.no_cache

    def record_in_flight(self, units: int, *, begun: int) -> None:
        """Count units that no cache had: of them so many had not been in flight."""
        self._in_flight.record(units - begun, begun)


def expires_soon(ttl_left_s: float, compute_s: float) -> bool:
    """Whether to compute a stored unit anew before it expires. `compute_s`: what that takes.

    It is decided by chance, as in XFetch (Vattani, Chierichetti and Lowenstein, VLDB 2015): the
    dearer the computation, the earlier; and of many callers at the same time about one computes.
    """
    if ttl_left_s >= 20 * compute_s:  # the chance is below 1 in 10^8
        return False
    return ttl_left_s < compute_s * -math.log(1 - random.random())  # noqa: S311
