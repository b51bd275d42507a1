"""A look-up that does not pay is left out, and tried again now and then."""

from itertools import pairwise

from inference.serving.cache_policy import (
    MAX_TRIAL_EVERY_S,
    MEMORY,
    MIN_SEEN,
    TRIAL_EVERY_S,
    TRIAL_QUESTIONS,
    TRIAL_UNITS,
    Gate,
)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def gate(**how) -> tuple[Gate, Clock]:
    clock = Clock()
    return Gate("test", clock=clock, **how), clock


def use(gate: Gate, *, hits: float, look_up_s: float, predict_s: float, times: int = 400) -> int:
    """Ask so often; how many of the questions were looked up."""
    passed = 0
    for number in range(times):
        if gate.lets_pass(1):
            passed += 1
            found = int((number + 1) * hits) - int(number * hits)
            gate.looked_up(1, found, look_up_s)
            gate.judge(predict_s)
    return passed


def test_look_ups_that_find_nothing_are_skipped():
    tried, _ = gate()
    assert use(tried, hits=0, look_up_s=1e-4, predict_s=1e-2) <= MIN_SEEN + TRIAL_QUESTIONS


def test_look_ups_that_cost_more_than_they_save_are_skipped_whatever_they_find():
    tried, _ = gate()
    assert use(tried, hits=1, look_up_s=2e-4, predict_s=8e-5) <= MIN_SEEN + TRIAL_QUESTIONS


def test_a_look_up_that_costs_next_to_nothing_goes_on_for_those_who_may_be_joined():
    slow, _ = gate(joins=True)
    assert use(slow, hits=0, look_up_s=2e-5, predict_s=3e-2) == 400
    quick, _ = gate(joins=True)
    assert use(quick, hits=0, look_up_s=2e-5, predict_s=1e-3) <= MIN_SEEN + TRIAL_QUESTIONS


def test_look_ups_that_pay_go_on():
    tried, _ = gate()
    assert use(tried, hits=0.5, look_up_s=2e-4, predict_s=3e-3) == 400


def test_a_closed_gate_is_tried_for_a_few_questions_every_few_seconds():
    tried, clock = gate()
    use(tried, hits=0, look_up_s=1e-4, predict_s=1e-2)
    assert use(tried, hits=0, look_up_s=1e-4, predict_s=1e-2) == 0
    clock.now += TRIAL_EVERY_S + 1
    assert use(tried, hits=0, look_up_s=1e-4, predict_s=1e-2) == TRIAL_QUESTIONS


def test_trials_that_bring_nothing_become_rarer_up_to_a_limit():
    tried, clock = gate()
    use(tried, hits=0, look_up_s=1e-4, predict_s=1e-2)
    trials = []
    while clock.now < 20 * MAX_TRIAL_EVERY_S:
        clock.now += 1
        if use(tried, hits=0, look_up_s=1e-4, predict_s=1e-2):
            trials.append(clock.now)
    between = [after - before for before, after in pairwise([0, *trials])]
    assert between[:4] == [TRIAL_EVERY_S, *(TRIAL_EVERY_S * times for times in (2, 4, 8))]
    assert set(between[4:]) == {MAX_TRIAL_EVERY_S}


def test_a_gate_that_was_open_again_is_soon_tried_again():
    tried, clock = gate()
    for hits in (0, 0, 0, 1):
        clock.now += MAX_TRIAL_EVERY_S + 1
        use(tried, hits=hits, look_up_s=1e-4, predict_s=1e-2)
    assert tried.is_open
    use(tried, hits=0, look_up_s=1e-4, predict_s=1e-2, times=2000)
    assert not tried.is_open
    clock.now += TRIAL_EVERY_S + 1
    use(tried, hits=1, look_up_s=1e-4, predict_s=1e-2)
    assert tried.is_open


def test_a_gate_closes_soon_after_rows_cease_to_recur():
    tried, _ = gate()
    use(tried, hits=1, look_up_s=1e-4, predict_s=1e-2)
    assert use(tried, hits=0, look_up_s=1e-4, predict_s=1e-2, times=2000) < 6 * MEMORY


def test_one_long_question_of_new_rows_does_not_close_a_gate():
    tried, _ = gate()
    for _ in range(10):
        tried.looked_up(100, 100, 1e-3)
    tried.looked_up(100, 0, 1e-3)
    tried.judge(1e-4)
    assert tried.is_open


def test_a_trial_of_long_questions_is_over_after_fewer():
    tried, clock = gate()
    use(tried, hits=0, look_up_s=1e-4, predict_s=1e-2)
    clock.now += TRIAL_EVERY_S + 1
    passed = [tried.lets_pass(100) for _ in range(TRIAL_QUESTIONS)]
    assert passed == [True] * 3 + [False] * (TRIAL_QUESTIONS - 3)
    assert 2 * 100 < TRIAL_UNITS <= 3 * 100


def test_a_gate_opens_again_when_the_traffic_changes():
    tried, clock = gate()
    use(tried, hits=0, look_up_s=1e-4, predict_s=1e-2)
    assert not tried.is_open
    clock.now += TRIAL_EVERY_S + 1
    use(tried, hits=1, look_up_s=1e-4, predict_s=1e-2)
    assert tried.is_open


def test_one_stall_does_not_close_a_gate():
    tried, _ = gate()
    use(tried, hits=0.9, look_up_s=2e-4, predict_s=3e-3)
    tried.looked_up(1, 1, 10.0)
    tried.judge(3e-3)
    assert tried.is_open


def test_a_steady_gate_stays_open():
    tried, _ = gate(steady=True)
    assert use(tried, hits=0, look_up_s=1.0, predict_s=1e-6) == 400
