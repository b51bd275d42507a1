"""Every mark is measured by the full plan, from the right two figures."""

import pytest

from bench import (
    batch_files,
    broker,
    cold_start,
    direct,
    marks,
    metrics_cost,
    parse,
    runtime_share,
    small_blobs,
    triggers,
    workloads,
)
from bench.batch_files import BatchFile
from bench.load import Run
from bench.results import Figure, Results


def run(rate: float, p99_ms: float = 5.0, load_cpu: float = 0.5) -> Run:
    return Run(rate=rate, p50_ms=3.0, p99_ms=p99_ms, load_cpu=load_cpu)


def add_batches_and_parses(results: Results) -> None:
    for file in batch_files.FILES:
        for name in (batch_files.ours(file), batch_files.script(file), batch_files.memory(file)):
            results.figures[name] = Figure("s", (1.0,))
    for size in parse.SIZES:
        for form in parse.FORMATS:
            results.figures[parse.predict(form, size)] = Figure("ms", (1.0,))
            results.figures[parse.request(form, size)] = Figure("ms", (4.0,))
            results.figures[parse.bare(form, size)] = Figure("ms", (2.0,))
    for name in (batch_files.BEFORE, batch_files.DURING, small_blobs.OURS):
        results.figures[name] = Figure("ms", (10.0,))


@pytest.fixture
def whole() -> Results:
    """As the full plan leaves them, everybody equal."""
    results = Results()
    for workload in workloads.full():
        for server in workload.servers:
            results.add(workload.id, server, run(1000))
    for door in ("messages", "blob rows"):
        for variant in triggers.VARIANTS:
            results.figures[f"{door}, {variant}"] = Figure("1/s", (100.0,))
    for name in (
        *(cold_start.BARE, cold_start.HIT, cold_start.MISS),
        *(cold_start.BARE_MB, cold_start.MISS_MB),
    ):
        results.figures[name] = Figure("s", (1.0,))
    results.figures[f"{direct.HUNDRED}, logreg"] = Figure("ms", (2.75,))
    results.figures[runtime_share.RUNTIME] = Figure("us", (40.0,))
    for kind in metrics_cost.KINDS:
        results.figures[metrics_cost.counted(kind)] = Figure("us", (70.0,))
        results.figures[metrics_cost.uncounted(kind)] = Figure("us", (50.0,))
    for figure in (
        *(broker.SENT, broker.RECEIVED, broker.MEMORY, broker.FILE),
        *(marks.LONGER_MESSAGES, f"{triggers.PROCESSOR}, triscore"),
    ):
        results.figures[figure] = Figure("1/s", (100.0,))
    add_batches_and_parses(results)
    return results


def outcome(results: Results, name: str) -> marks.Outcome:
    return next(each for each in marks.outcomes(results) if each.name == name)


def test_the_full_plan_measures_every_mark(whole):
    assert [each.name for each in marks.outcomes(whole) if each.measured is None] == []


def test_names_of_marks_are_unique(whole):
    names = [each.name for each in marks.outcomes(whole)]
    assert len(set(names)) == len(names)


def test_without_measurements_no_mark_holds_or_fails():
    assert {each.holds for each in marks.outcomes(Results())} == {None}


def test_every_workload_that_runs_with_and_without_cache_has_its_mark(whole):
    names = {each.name for each in marks.outcomes(whole)}
    for workload in workloads.full():
        if {"triscore@1", "triscore-off@1"} <= set(workload.servers):
            assert f"cache on / off, {workload.id}" in names


def test_a_ratio_is_ours_over_theirs(whole):
    whole.http["hot/logreg/16", "triscore@1"].runs = [run(4000)]
    whole.http["hot/logreg/16", "fastapi-cache@1"].runs = [run(1600)]
    found = outcome(whole, "hot / fastapi-cache@1")
    assert (found.measured, found.holds, found.mark) == (2.5, True, ">= 2")


@pytest.mark.parametrize(("rate", "holds"), [(2000, True), (1999, False)])
def test_a_mark_holds_from_its_bound_on(whole, rate, holds):
    whole.http["hot/logreg/16", "triscore@1"].runs = [run(rate)]
    assert outcome(whole, "hot / fastapi-cache@1").holds is holds


def test_to_be_level_with_the_best_peer_is_not_to_be_ahead(whole):
    assert outcome(whole, "unique logreg / best peer").holds is False
    whole.http["unique/logreg/16", "triscore@1"].runs = [run(1001)]
    assert outcome(whole, "unique logreg / best peer").holds is True


def test_the_best_peer_is_the_fastest_of_them(whole):
    whole.http["unique/logreg/16", "mlserver@1"].runs = [run(4000)]
    assert outcome(whole, "unique logreg / best peer").measured == 0.25


def test_a_peer_with_two_workers_counts_only_where_it_has_none_with_one(whole):
    whole.http["unique/logreg/16", "fastapi@2"].runs = [run(4000)]
    assert outcome(whole, "unique logreg / best peer").measured == 1
    whole.http["unique/logreg/16", "azureml@2"].runs = [run(2000)]
    assert outcome(whole, "unique logreg / best peer").measured == 0.5


def test_tails_are_held_to_the_shortest_of_the_peers(whole):
    whole.http["hot/forest/16", "bentoml@1"].runs = [run(1, p99_ms=2.5)]
    found = outcome(whole, "p99 hot/forest/16 / best peer")
    assert (found.measured, found.holds) == (2.0, False)


def test_a_disqualified_peer_can_not_be_beaten(whole):
    bad = Run(rate=1, p50_ms=1, p99_ms=1, load_cpu=0, fault="9 requests timed out")
    whole.http["hot/logreg/16", "bentoml@1"].runs = [bad]
    assert outcome(whole, "hot / bentoml@1").holds is None


def test_two_workers_are_also_told_with_the_load_aside(whole):
    for server, rate in (("triscore@1", 1000), ("triscore@2", 1500)):
        whole.http["hot/logreg/16", server].runs = [run(rate, load_cpu=0.5)]
    assert outcome(whole, "2 workers / 1, hot").measured == 1.5
    assert outcome(whole, "2 workers / 1, hot, load aside").measured == 2.0


def test_what_the_model_itself_costs_is_taken_off_a_request_of_100_rows(whole):
    found = outcome(whole, "100 rows logreg, beyond JSON and predict")
    assert (found.measured, found.holds) == (0.25, True)


def test_a_batch_is_held_to_the_scripts_time_over_ours(whole):
    file = BatchFile("csv", "100mb")
    whole.figures[batch_files.ours(file)] = Figure("s", (2.0,))
    whole.figures[batch_files.script(file)] = Figure("s", (7.0,))
    found = outcome(whole, "batch/csv/100mb, script / triscore")
    assert (found.measured, found.holds, found.mark) == (3.5, True, ">= 3")


def test_a_file_measured_on_request_has_its_mark_only_then(whole):
    file = BatchFile("csv", "1gb")
    name = "batch/csv/1gb, script / triscore"
    assert name not in {each.name for each in marks.outcomes(whole)}
    whole.figures[batch_files.ours(file)] = Figure("s", (20.0,))
    whole.figures[batch_files.script(file)] = Figure("s", (50.0,))
    whole.figures[batch_files.memory(file)] = Figure("MB", (300.0,))
    assert outcome(whole, name).measured == 2.5
    assert outcome(whole, "batch, memory above the idle worker").measured == 300


def test_a_request_is_held_to_its_time_beyond_predict(whole):
    found = outcome(whole, "npy of 10,000 rows, beyond predict / bare parse")
    assert (found.measured, found.holds) == (1.5, True)


def test_the_runtimes_share_of_a_request_can_be_left_out(whole):
    name = "unique logreg, 1 connection, cache off"
    for workload, server, rate in (
        ("unique/logreg/1", "triscore-off@1", 2000),  # 500 us
        ("unique/logreg/1", "fastapi@1", 2500),
    ):
        whole.http[workload, server].runs = [run(rate)]
    whole.figures[runtime_share.RUNTIME] = Figure("us", (150.0,))
    assert outcome(whole, f"{name} / fastapi@1").measured == 0.8
    assert outcome(whole, f"{name}, without the runtime / fastapi@1").measured == pytest.approx(
        1 / 350e-6 / 2500
    )


def test_counting_a_request_is_told_as_a_share_of_its_time(whole):
    whole.http["hot/logreg/16", "triscore@1"].runs = [run(10_000)]  # 100 us
    whole.figures[metrics_cost.counted("hot")] = Figure("us", (62.0,))
    whole.figures[metrics_cost.uncounted("hot")] = Figure("us", (60.0,))
    found = outcome(whole, "metrics, share of a request, hot")
    assert (found.measured, found.holds, found.unit) == (pytest.approx(2.0), True, "%")
