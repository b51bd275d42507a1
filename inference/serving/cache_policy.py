"""Whether a look-up pays: what it costs against what it saves.

A look-up pays while the time that it takes is less than what the predictions it finds would have
taken. Once it does not, it is skipped, and tried again for a few questions now and then: the
traffic may have changed. The longer it has not, the rarer the trials.
"""

from __future__ import annotations

import time
from collections.abc import Callable

#: Units looked up before the first judgement.
MIN_SEEN = 64
#: How far cost and gain must be apart to change the decision: it should not flutter.
MARGIN = 1.25
#: Seconds until the first trial of a closed gate. Each trial that does not open it doubles them,
#: up to MAX_TRIAL_EVERY_S.
TRIAL_EVERY_S = 5.0
MAX_TRIAL_EVERY_S = 40.0
#: Of what a prediction takes, as much may go to a look-up that finds nothing.
BESIDE = 0.002
#: How many questions a trial lasts, and how many units, so that it costs no more where questions
#: are long.
TRIAL_QUESTIONS = 32
TRIAL_UNITS = 256
#: Of an average over the last so many units, about, and over no fewer than so many questions.
MEMORY = 64
MEMORY_QUESTIONS = 8


class Gate:
    """Open while looking up pays; `steady` keeps it open whatever it costs.

    `joins`: what is looked up can also be joined while it is computed. So such a gate stays open
    where it costs next to nothing beside the prediction, as equal questions may come at any time.
    """

    def __init__(
        self,
        name: str,
        *,
        steady: bool = False,
        joins: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name, self._steady, self._clock = name, steady, clock
        self._least_rate = BESIDE if joins else 0.0
        self._open = True
        self._seen = self._questions = 0
        self._hit_rate = 0.0
        self._look_up_s = 0.0
        self._questions_left = self._units_left = 0
        self._trial_every_s = TRIAL_EVERY_S
        self._next_trial = 0.0

    def __repr__(self) -> str:
        state = "open" if self._open else "closed"
        return (
            f"<Gate {self._name} {state}, {self._hit_rate:.0%} hits,"
            f" {self._look_up_s * 1e6:.0f} us a look-up>"
        )

    @property
    def is_open(self) -> bool:
        return self._open

    def lets_pass(self, units: int) -> bool:
        """Whether the next question, of so many units, is looked up."""
        if self._open:
            return True
        if self._questions_left == 0 or self._units_left <= 0:
            now = self._clock()
            if now < self._next_trial:
                return False
            self._trial_every_s = min(2 * self._trial_every_s, MAX_TRIAL_EVERY_S)
            self._next_trial = now + self._trial_every_s
            self._questions_left, self._units_left = TRIAL_QUESTIONS, TRIAL_UNITS
        self._questions_left -= 1
        self._units_left -= units
        return True

    def looked_up(self, units: int, found: int, seconds: float) -> None:
        """What looking up so many units took and brought."""
        self._seen += units
        self._questions += 1
        weight = max(1 / self._questions, min(units / MEMORY, 1 / MEMORY_QUESTIONS))
        self._hit_rate += weight * (found / units - self._hit_rate)
        # One stall of the machine must not close the gate: it counts as a few slow look-ups.
        cost = seconds / units
        if self._look_up_s:
            cost = min(cost, 8 * self._look_up_s)
        self._look_up_s += weight * (cost - self._look_up_s)

    def judge(self, predict_s: float) -> None:
        """Decide anew, where predicting a unit takes `predict_s` seconds."""
        if self._steady or self._seen < MIN_SEEN:
            return
        gain, cost = max(self._hit_rate, self._least_rate) * predict_s, self._look_up_s
        if self._open and gain * MARGIN < cost:
            self._open = False
            self._trial_every_s = TRIAL_EVERY_S
            self._next_trial = self._clock() + TRIAL_EVERY_S
        elif not self._open and gain > cost * MARGIN:
            self._open = True
