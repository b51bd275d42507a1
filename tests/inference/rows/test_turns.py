"""A thread that reads a long body lets others have the interpreter."""

from inference.rows import turns
from inference.rows.turns import PAUSE_S, WORK_S, in_turns


def pauses(monkeypatch, *, part_s: float, parts: int) -> list[float]:
    """The seconds of each pause in reading parts that take `part_s` seconds each."""
    now, slept = [0.0], []

    class Clock:
        @staticmethod
        def monotonic() -> float:
            return now[0]

        @staticmethod
        def sleep(seconds: float) -> None:
            slept.append(seconds)
            now[0] += seconds

    monkeypatch.setattr(turns, "time", Clock)
    read = []
    for part in in_turns(range(parts)):
        read.append(part)
        now[0] += part_s
    assert read == list(range(parts))
    return slept


def test_short_work_has_no_pause(monkeypatch):
    assert not pauses(monkeypatch, part_s=WORK_S / 10, parts=9)


def test_long_work_pauses_each_time_it_took_long(monkeypatch):
    assert pauses(monkeypatch, part_s=WORK_S / 2, parts=12) == [PAUSE_S] * 4


def test_each_long_part_is_followed_by_a_pause(monkeypatch):
    assert pauses(monkeypatch, part_s=2 * WORK_S, parts=3) == [PAUSE_S] * 3
