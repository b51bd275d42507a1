"""Lookups that do not pay are skipped, but for a sample that shows when they pay again."""

import itertools

import pytest

from inference.counters.counts import Counts, LookupCounts
from inference.serving.cache_policy import (
    BACKGROUND_S,
    DECIDE_EVERY,
    EXPLORE_SHARE,
    MEMORY_UNITS,
    MIN_SAMPLE,
    MIN_SPENT_S,
    MIN_UNITS,
    CachePolicy,
    LookupPolicy,
)


def evenly():
    """Draws that are below any share as often as the share says."""
    return itertools.cycle(number / 1000 for number in range(1000)).__next__


def make(mode="auto", **options) -> LookupPolicy:
    return LookupPolicy(mode, LookupCounts(), draw=evenly(), **options)


def use(policy, *, hits, lookup_s, predict_s, times=400) -> int:
    """Ask so often, of which the share `hits` is found; how many questions were looked up."""
    looked_up, found = 0, 0
    policy.saved_s = predict_s
    for _ in range(times):
        if policy.allows():
            looked_up += 1
            found_now = int(looked_up * hits) - found
            found += found_now
            policy.record(1, found_now, lookup_s)
    return looked_up


def test_lookups_that_pay_go_on():
    policy = make()
    assert use(policy, hits=0.5, lookup_s=2e-4, predict_s=3e-3) == 400
    assert policy.pays


def test_nothing_is_decided_while_an_empty_cache_fills():
    policy = make()
    units = int(MIN_SPENT_S / 1e-5)
    assert use(policy, hits=0, lookup_s=1e-5, predict_s=1e-5, times=units - 1) == units - 1
    use(policy, hits=0, lookup_s=1e-5, predict_s=1e-5, times=2 * DECIDE_EVERY)
    assert not policy.pays


def test_lookups_that_find_nothing_are_skipped_but_for_a_sample():
    policy = make()
    assert use(policy, hits=0, lookup_s=1e-3, predict_s=1e-2, times=10_000) < MIN_UNITS + 1_000
    assert not policy.pays
    assert policy.share == pytest.approx(EXPLORE_SHARE * 10)


def test_lookups_that_cost_more_than_they_save_are_skipped_whatever_they_find():
    policy = make()
    use(policy, hits=1, lookup_s=2e-4, predict_s=8e-5)
    assert not policy.pays


def test_lookups_that_cost_next_to_nothing_go_on_so_that_equal_questions_are_coalesced():
    policy = make()
    assert use(policy, hits=0, lookup_s=2e-5, predict_s=3e-2) == 400


def test_what_a_lookup_costs_includes_keeping_what_it_does_not_find():
    cheap, dear = make(), make(keep_cost=9.0)
    for policy in (cheap, dear):
        use(policy, hits=0.5, lookup_s=1e-4, predict_s=5e-4)
    assert (cheap.pays, dear.pays) == (True, False)


def test_the_sample_costs_a_fixed_share_of_what_predictions_take():
    policy = make()
    use(policy, hits=0, lookup_s=1e-3, predict_s=1e-2)
    looked_up = use(policy, hits=0, lookup_s=1e-3, predict_s=1e-2, times=100_000)
    assert looked_up * 1e-3 <= 1.05 * EXPLORE_SHARE * 100_000 * 1e-2


def test_some_questions_are_sampled_whatever_they_cost():
    policy = make()
    use(policy, hits=0, lookup_s=1.0, predict_s=1e-6)
    assert policy.share == MIN_SAMPLE
    assert use(policy, hits=0, lookup_s=1.0, predict_s=1e-6, times=10_000) >= 10


def test_the_sample_of_lookups_that_nobody_waits_for_counts_their_work_alone():
    policy = make(background=True)
    use(policy, hits=0, lookup_s=1.0, predict_s=2e-3)
    assert policy.share == pytest.approx(EXPLORE_SHARE * 2e-3 / BACKGROUND_S)


def test_skipping_ends_when_the_sample_finds_what_recurs():
    policy = make()
    use(policy, hits=0, lookup_s=1e-3, predict_s=1e-2)
    use(policy, hits=1, lookup_s=1e-3, predict_s=1e-2, times=1_000)
    assert policy.pays
    assert use(policy, hits=1, lookup_s=1e-3, predict_s=1e-2) == 400


def test_skipping_begins_soon_after_rows_cease_to_recur():
    policy = make()
    use(policy, hits=1, lookup_s=1e-3, predict_s=1e-1)
    use(policy, hits=0, lookup_s=1e-3, predict_s=1e-1, times=6 * MEMORY_UNITS)
    assert not policy.pays


def test_one_long_question_of_new_rows_decides_nothing():
    policy = make()
    policy.saved_s = 1e-4
    for _ in range(10):
        policy.record(100, 100, 1e-3)
    policy.record(100, 0, 1e-3)
    assert policy.pays


def test_one_stall_decides_nothing():
    policy = make()
    use(policy, hits=0.9, lookup_s=2e-4, predict_s=3e-3)
    policy.record(1, 1, 10.0)
    assert policy.pays


def test_a_fixed_mode_learns_nothing():
    always, off = make("always"), make("off")
    assert use(always, hits=0, lookup_s=1.0, predict_s=1e-6) == 400
    assert use(off, hits=1, lookup_s=1e-6, predict_s=1.0) == 0


def test_lookups_are_counted_by_outcome():
    counts = LookupCounts()
    policy = LookupPolicy("auto", counts, draw=lambda: 1.0)
    policy.record(10, 4, 1e-3)
    policy.share = 0.5
    assert not policy.allows(7)
    assert (counts.hits, counts.misses, counts.skipped) == (4, 6, 7)


class TestPlans:
    @staticmethod
    def policy(mode="auto", *, near=True, remote=True) -> CachePolicy:
        return CachePolicy(mode, Counts(), near=near, remote=remote, draw=lambda: 1.0)

    def test_a_question_is_looked_up_and_stored_everywhere(self):
        plan = self.policy().plan(1, cacheable=True, recompute=False)
        assert (plan.keys, plan.redis, plan.lookup, plan.lease) == (True, True, True, True)

    def test_without_redis_it_is_looked_up_and_kept_in_the_process(self):
        plan = self.policy(remote=False).plan(1, cacheable=True, recompute=False)
        assert (plan.keys, plan.redis, plan.lease) == (True, False, False)

    @pytest.mark.parametrize(("mode", "cacheable"), [("off", True), ("auto", False)])
    def test_what_is_not_cached_goes_straight_to_the_model(self, mode, cacheable):
        plan = self.policy(mode).plan(1, cacheable=cacheable, recompute=True)
        assert (plan.keys, plan.redis) == (False, False)

    def test_what_is_recomputed_is_stored_whatever_the_policies_say(self):
        policy = self.policy()
        policy.one_unit.near.share = policy.one_unit.redis.share = 0.1
        plan = policy.plan(1, cacheable=True, recompute=True)
        assert (plan.keys, plan.redis, plan.lookup, plan.lease) == (True, True, False, False)

    def test_nobody_waits_for_redis_where_that_does_not_pay(self):
        policy = self.policy()
        policy.one_unit.redis.pays = False
        plan = policy.plan(1, cacheable=True, recompute=False)
        assert (plan.redis, plan.background, plan.lease) == (True, True, False)

    def test_questions_of_many_rows_have_a_policy_of_their_own(self):
        policy = self.policy()
        policy.many_rows.near.share = policy.many_rows.redis.share = 0.1
        assert policy.plan(1, cacheable=True, recompute=False).keys
        assert not policy.plan(9, cacheable=True, recompute=False).keys

    def test_without_copies_in_the_process_no_response_is_kept(self):
        assert self.policy(near=False).response.share == 0

    def test_what_is_skipped_is_not_coalesced_either(self):
        counts = Counts()
        policy = CachePolicy("auto", counts, near=True, remote=False, draw=lambda: 1.0)
        policy.one_unit.near.share = 0.1
        policy.plan(1, cacheable=True, recompute=False)
        policy.record_in_flight(5, begun=2)
        in_flight = counts.lookups["in_flight"]
        assert (in_flight.hits, in_flight.misses, in_flight.skipped) == (3, 2, 1)
