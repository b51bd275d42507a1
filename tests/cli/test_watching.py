"""How `triscore stats` and `watch` show figures, in terminals and pipes of any width."""

import pytest

from cli import output
from cli.running_app import watching

LOOK = {
    "model": "digits",
    "ready": True,
    "cache_up": True,
    "requests": {"http": {"200": 12_345, "422": 2}, "blob": {"succeeded": 3}},
    "hit_rate": {"redis": 0.5},
    "model_calls": 1_234,
    "rows_per_call": 308.5,
    "call_p50_ms": 0.6,
    "call_p99_ms": 8.4,
    "pending": 0,
    "queue": "queue scoring-requests: 0 messages wait, 0 are dead-lettered",
    "memory_mb": 287,
}


@pytest.fixture
def shown(capsys, monkeypatch):
    """`shown(columns)`: the lines of a look; without a number, those in a pipe."""

    def show(columns=None):
        if columns is None:
            monkeypatch.delenv("COLUMNS", raising=False)
        else:
            monkeypatch.setenv("COLUMNS", str(columns))
        output.console().print(watching._table(LOOK, {"http": 8.0}))
        return [line.rstrip() for line in capsys.readouterr().out.splitlines()]

    return show


def test_a_count_is_told_from_a_status_of_http(shown):
    assert "Requests, http          12,345 x 200, 2 x 422   8/s" in shown(80)
    assert "Requests, blob          3 succeeded" in shown(80)


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_no_line_is_cut_and_the_queue_is_on_one(shown, columns):
    lines = shown(columns)
    assert "Queue scoring-requests  0 messages wait, 0 are dead-lettered" in lines
    assert max(map(len, lines)) <= columns
    assert "…" not in "".join(lines)


def test_a_pipe_has_a_line_for_each_figure(shown):
    calls = "Model calls             1,234 with 308.5 rows each, p50 0.6 ms, p99 8.4 ms"
    assert shown()[5:] == [
        calls,
        "Pending                 0",
        "Queue scoring-requests  0 messages wait, 0 are dead-lettered",
        "Memory                  287 MB",
    ]
