"""The pages: prose stays, nothing that failed is left out, pictures are pictures."""

from xml.etree import ElementTree as ET

import pytest

from bench import marks, plots, report
from bench.load import Run
from bench.results import Figure, Results

PAGE = f"# Title\n\nprose before\n\n{report.BEGIN}\nold\n{report.END}\n\nprose after\n"
ENVIRONMENT = {
    "date": "2026-11-24 08:00 UTC",
    "cores": 2,
    "processor": "a processor",
    "system": "Linux",
    "python": "3.13.0",
    "load average before": 0.1,
    "rounds": 7,
    "seconds": 1,
    "wrk": "wrk 4.1.0",
    "redis-server": "Redis 7.0",
    "peers": {"mlserver": {"Python": "3.12.1", "mlserver": "1.7.1"}},
}


def run(rate: float, fault: str = "") -> Run:
    return Run(rate=rate, p50_ms=1, p99_ms=2.5, load_cpu=0.95, fault=fault)


@pytest.fixture
def results() -> Results:
    found = Results(environment=ENVIRONMENT, absent={"bentoml@1 logreg": "wrong answer: <3>"})
    found.add("empty/16", "bare@1", run(40000))
    found.add("empty/16", "empty-function@1", run(20000))
    found.add("hot/logreg/16", "triscore@1", run(12345))
    found.add("hot/logreg/16", "mlserver@1", run(700, "3 requests timed out"))
    found.figures["messages, triscore"] = Figure("messages/s", (500.0, 700.0, 600.0))
    return found


def line(text: str, start: str) -> str:
    return next(each for each in text.splitlines() if each.startswith(start))


def test_only_what_lies_between_the_markers_is_replaced():
    page = report.replaced(PAGE, "new")
    assert page == PAGE.replace("\nold\n", "\n\nnew\n\n")
    assert report.replaced(page, "new") == page


@pytest.mark.parametrize("page", ["prose", report.BEGIN, f"{report.END} {report.BEGIN}"])
def test_a_page_without_its_markers_is_left_alone(page):
    with pytest.raises(ValueError, match="results: begin"):
        report.replaced(page, "new")


def test_marks_say_what_was_measured_and_whether_they_hold(results):
    text = report.markdown(results, [])
    assert (
        line(text, "| empty function") == "| empty function / bare server | >= 0.4 | 0.50 | yes |"
    )
    assert line(text, "| hot / empty") == "| hot / empty function | >= 0.75 | 0.62 | **no** |"
    assert line(text, "| hot / bentoml@1") == "| hot / bentoml@1 | >= 10 | - | not measured |"


def test_who_was_left_out_or_disqualified_is_named_with_the_reason(results):
    text = report.markdown(results, [])
    assert "| bentoml@1 logreg | wrong answer: <3> |" in text
    assert "| mlserver@1 hot/logreg/16 | 1 of 1 runs: 3 requests timed out; no figure |" in text


def test_a_server_without_a_figure_has_none_in_the_table(results):
    assert "| Triscore, 1 worker | - | 12,345 |" in report.markdown(results, [])
    assert "| MLServer, batching, 1 worker |" not in report.markdown(results, [])


def test_a_load_generator_that_was_the_limit_is_called_so(results):
    assert line(report.markdown(results, []), "| empty/16").endswith("| wrk was the limit |")


def test_other_measurements_have_median_and_range(results):
    assert "| messages, triscore | 600 | 500 | 700 | messages/s |" in report.markdown(results, [])


def test_every_ratio_is_in_the_file_for_programs_by_name(results):
    ratios = {each["name"]: each for each in report.as_json(results)["ratios"]}
    assert ratios["empty function / bare server"]["measured"] == 0.5
    assert ratios["empty function / bare server"]["holds"] is True


def test_pictures_are_well_formed_and_shown_on_the_page(results, tmp_path):
    (tmp_path / "README.md").write_text(PAGE)
    report.write(results, tmp_path)
    page = (tmp_path / "README.md").read_text()
    for name in ("throughput.svg", "latency.svg", "marks.svg"):
        ET.parse(tmp_path / name)
        assert f"({name})" in page
    assert "12,345" in (tmp_path / "throughput.svg").read_text()


def test_a_dot_lies_right_of_its_mark_just_where_the_mark_holds():
    for sign, measured, holds in ((">=", 2.0, True), (">=", 0.5, False), ("<=", 2.0, False)):
        outcome = marks.Outcome("each", f"{sign} 1", measured, holds, "")
        assert (plots.beyond(outcome) >= 1) is holds
    least = marks.Outcome("each", "< 0.5 ms", -0.1, holds=True, unit="ms")
    assert 1 < plots.beyond(least) < 100
