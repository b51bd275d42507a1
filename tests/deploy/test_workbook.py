"""The workbook and the alerts in Azure ask for what Application Insights has."""

import json
import re
from pathlib import Path

from tests.deploy import bicep

ROOT = Path(__file__).resolve().parents[2]
WORKBOOK = (ROOT / "infra/workbook.json").read_text()
MODULE = bicep.read(ROOT / "infra/modules/workbook.bicep")
CHECKS = bicep.read(ROOT / "infra/modules/alerts.bicep").variables["checks"]
#: The tables of Application Insights that every function app fills.
TABLES = {"requests", "traces"}


def items():
    return json.loads(WORKBOOK)["items"]


def queries():
    return [each["content"]["query"] for each in items() if each["type"] == 3]


def test_the_module_fills_each_place_of_the_workbook():
    places = set(re.findall(r"\{(\w+)\}", WORKBOOK))
    text = MODULE.path.read_text()
    assert places == set(re.findall(r"'\{(\w+)\}'", text))


def test_each_item_has_a_name_of_its_own_and_follows_the_time_range():
    names = [each["name"] for each in items()]
    assert len(names) == len(set(names))
    for each in items():
        if each["type"] in (3, 10):
            assert each["content"]["timeContextFromParameter"] == "range"


def test_queries_begin_with_a_table_that_every_app_has():
    for query in (*queries(), *(check["query"] for check in CHECKS)):
        assert query.split()[0] in TABLES


def test_the_functions_that_are_named_are_the_apps():
    triggers = [path.read_text() for path in (ROOT / "triggers").rglob("*_blueprint.py")]
    text = WORKBOOK + "".join(check["query"] for check in CHECKS)
    named = set(re.findall(r"\b(?:score|score_[a-z]+|v2_[a-z]+)\b", text))
    assert named == {"score", "v2_infer", "score_blob", "score_messages"}
    for name in named:
        assert any(f"def {name}(" in code or f'"{name}"' in code for code in triggers), name


def test_alerts_look_for_words_that_the_app_logs():
    code = "".join(
        path.read_text()
        for room in ("inference", "triggers")
        for path in (ROOT / room).rglob("*.py")
    )
    words = [
        each
        for check in CHECKS
        if check["query"].startswith("traces")
        for each in re.findall(r'"([^"]+)"', check["query"])
    ]
    assert len(words) == 4
    assert [each for each in words if each not in code] == []


def test_an_alert_measures_a_column_of_its_query():
    for check in CHECKS:
        assert re.search(rf"\b{check['column']} =", check["query"])
