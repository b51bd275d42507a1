"""The Grafana dashboard and Prometheus' alerts ask for metrics that the app has."""

import json
import re
from pathlib import Path

import pytest
import yaml

from tests.triggers.description.full_snapshot import everything

ROOT = Path(__file__).resolve().parents[2]
DASHBOARD = json.loads((ROOT / "infra/grafana/triscore.json").read_text())
ALERTS = yaml.safe_load((ROOT / "infra/prometheus/triscore-alerts.yml").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
RULES = ALERTS["groups"][0]["rules"]
EXPRESSIONS = [
    *(target["expr"] for panel in PANELS for target in panel["targets"]),
    *(rule["expr"] for rule in RULES),
]
#: Of Prometheus, for every target.
OF_PROMETHEUS = {"up"}
SERIES = re.compile(r"\b((?:triscore|process)_\w+|up)\b(?:\{([^}]*)\})?")


@pytest.fixture(scope="module")
def labels():
    """The labels of each metric that there is."""
    found = {}
    for family in everything().collect():
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_an_expression_names_metrics_and_labels_that_there_are(expression, labels):
    series = SERIES.findall(expression)
    assert series
    for name, matchers in series:
        assert name in labels or name in OF_PROMETHEUS, name
        asked = set(re.findall(r"(\w+)\s*=", matchers)) - {"job"}
        assert asked <= labels.get(name, set()), name
    grouped = {
        each.strip() for by in re.findall(r"by \(([^)]*)\)", expression) for each in by.split(",")
    }
    assert grouped - {"job", "instance"} <= set().union(
        *(labels.get(name, set()) for name, _ in series)
    )


def test_the_dashboard_shows_every_metric_of_the_app():
    asked = {name for text in EXPRESSIONS for name, _ in SERIES.findall(text)}
    asked = {re.sub("_(bucket|sum|count)$", "", name) for name in asked}
    there = {family.name for family in everything().collect() if family.name.startswith("triscore")}
    assert there - {re.sub("_total$", "", name) for name in asked} == set()


def test_panels_have_ids_and_places_of_their_own_and_the_chosen_data_source():
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in DASHBOARD["panels"]]
    assert len(places) == len(set(places))
    for panel in PANELS:
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24
        assert panel["datasource"]["uid"] == "${datasource}"
        assert all('job=~"$job"' in target["expr"] for target in panel["targets"])
    assert [each["name"] for each in DASHBOARD["templating"]["list"]] == ["datasource", "job"]


def test_every_alert_says_how_grave_it_is_and_what_is_wrong():
    names = [rule["alert"] for rule in RULES]
    assert len(names) == len(set(names))
    for rule in RULES:
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert rule["annotations"]["summary"]
