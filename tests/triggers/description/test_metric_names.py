"""The names of metrics follow Prometheus' conventions, and docs/metrics.md lists each of them."""

import re
from pathlib import Path

import pytest
from prometheus_client.openmetrics import exposition
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from tests.triggers.description.full_snapshot import everything

DOCUMENT = Path(__file__).parents[3] / "docs/metrics.md"
#: Prometheus' base units, and rows, which are counted.
UNITS = {"seconds", "bytes", "ratio", "rows"}
LABELS = {
    *("name", "version", "reason", "trigger", "route", "status", "cache", "outcome", "rows", "pid")
}


@pytest.fixture
def families():
    """All metrics of an instance that has seen everything, as strictly as OpenMetrics asks."""
    text = exposition.generate_latest(everything()).decode()
    return list(text_string_to_metric_families(text))


def ours(families):
    return [family for family in families if family.name.startswith("triscore_")]


def test_names_are_lower_case_words_under_the_products_or_the_process_own_prefix(families):
    for family in families:
        assert re.fullmatch(r"(triscore|process)(_[a-z]+)+", family.name)


def test_every_metric_has_a_sentence_of_help_without_its_own_name(families):
    for family in ours(families):
        assert family.documentation.endswith(".")
        assert family.name not in family.documentation


def test_the_ending_says_what_a_metric_is(families):
    for family in ours(families):
        reserved = re.search(r"_(total|count|sum|bucket|created)$", family.name)
        assert not reserved, "the library adds these"
        if family.type == "histogram":
            assert family.name.rpartition("_")[2] in UNITS
        if family.name.endswith("_info"):
            assert {sample.value for sample in family.samples} == {1}
        names = {sample.name for sample in family.samples}
        assert all(name.endswith("_total") for name in names) == (family.type == "counter")


def test_labels_are_few_and_never_repeat_what_the_name_says(families):
    for family in ours(families):
        for sample in family.samples:
            labels = set(sample.labels) - {"host", "le"}
            assert labels <= LABELS
            assert "host" in sample.labels


def test_the_document_lists_exactly_what_there_is(families):
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (.*?) ?\| ", DOCUMENT.read_text(), re.MULTILINE)
    listed = {
        (name, kind, frozenset(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows
    }
    there = set()
    for family in ours(families):
        labels = {label for each in family.samples for label in each.labels} - {"host", "le"}
        total = "_total" if family.type == "counter" else ""
        there.add((family.name + total, family.type, frozenset(labels)))
    assert listed == there


def test_expressions_of_the_document_name_metrics_that_there_are(families):
    there = {sample.name for family in families for sample in family.samples}
    text = DOCUMENT.read_text().partition("| question |")[2]
    named = set(re.findall(r"\b(?:triscore|process)_\w+", text))
    assert named
    assert named <= there
