"""Medians of what counts, and what becomes of what does not."""

import json

import pytest

from bench import summary
from bench.load import Run
from bench.results import Cell, Figure, Results


def run(rate: float, fault: str = "") -> Run:
    return Run(rate=rate, p50_ms=1, p99_ms=1000 / rate, load_cpu=0.1, fault=fault)


def test_a_figure_is_the_median_of_the_runs():
    cell = Cell([run(rate) for rate in (100, 900, 200, 300, 250)])
    assert cell.median("rate") == 250
    assert cell.median("p99_ms") == 4


def test_a_disqualified_run_does_not_count_however_fast_it_was():
    cell = Cell([run(100), run(9999, "1 answers that were errors"), run(200), run(300)])
    assert cell.median("rate") == 200
    assert cell.faults == ["1 answers that were errors"]


@pytest.mark.parametrize(("bad", "good"), [(1, 1), (2, 1), (3, 0)])
def test_without_a_majority_of_good_runs_there_is_no_figure(bad, good):
    cell = Cell([run(1, "requests timed out")] * bad + [run(100)] * good)
    assert cell.median("rate") is None


def test_what_was_not_measured_has_no_value():
    assert Results().value("hot/logreg/16", "triscore@1") is None
    assert Results().figure("messages, triscore") is None


def test_results_survive_their_file():
    results = Results(environment={"cores": 2}, absent={"mlserver@1": "no Python 3.12"})
    results.add("hot/logreg/16", "triscore@1", run(100))
    results.add("hot/logreg/16", "triscore@1", run(50, "2 requests timed out"))
    results.figures["messages, triscore"] = Figure("messages/s", (1.0, 2.0, 9.0))
    assert Results.from_json(json.loads(json.dumps(results.as_json()))) == results


def test_a_summary_says_what_the_results_say_without_their_runs(tmp_path):
    results = Results(environment={"cores": 2}, absent={"mlserver@1": "no Python 3.12"})
    for rate in (100.123, 110, 90):
        results.add("hot/logreg/16", "triscore@1", run(rate))
        results.add("hot/logreg/16", "bentoml@1", run(rate, "2 requests timed out"))
    results.figures["messages, triscore"] = Figure("messages/s", (1.0, 2.0, 9.0))
    summary.write(results, tmp_path / "summary.json")
    text = (tmp_path / "summary.json").read_text()
    kept = Results.from_json(json.loads(text))
    assert "runs" not in text
    assert kept.value("hot/logreg/16", "triscore@1") == 100.1
    assert kept.value("hot/logreg/16", "bentoml@1") is None
    assert kept.figure("messages, triscore") == 2.0
    assert kept.absent == results.absent


def test_the_repository_keeps_a_summary_that_has_every_mark():
    document = json.loads(summary.FILE.read_text())
    assert {each["name"] for each in document["ratios"] if each["holds"] is None} == set()
    assert summary.text(Results.from_json(document)).count("\n") < 300
