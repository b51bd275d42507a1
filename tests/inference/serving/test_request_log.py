"""The line of a request: its fields, and that no id can forge or hide one."""

import json
import logging
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.log_text import MAX_ID
from inference.models import ModelId
from inference.serving.finished_requests import FinishedRequest
from inference.serving.request_log import NAME, RequestLog, format_json, format_text
from inference.settings import InferenceSettings

ANSWERED = FinishedRequest(
    *("http", "score", 200, "4d2a-1", 0.000_412_3, "hit", 2, None), model=ModelId("digits", "1f2e")
)
RETURNED = ANSWERED._replace(
    trigger="servicebus",
    route="",
    status="returned",
    error="overloaded",
    cache=None,
    rows=None,
)


def test_a_line_in_json_has_the_same_fields_for_every_request():
    line = json.loads(format_json(ANSWERED))
    assert line.pop("time").endswith("Z")
    assert line == {
        "event": "request",
        "request_id": "4d2a-1",
        "trigger": "http",
        "route": "score",
        "status": 200,
        "error": None,
        "cache": "hit",
        "ms": 0.412,
        "rows": 2,
        "model_version": "1f2e",
    }
    assert json.loads(format_json(RETURNED)).keys() == {*line, "time"}


def test_a_line_in_text_leaves_out_what_is_not_known():
    assert format_text(ANSWERED) == (
        "http score: 200 in 0.4 ms, cache hit, 2 rows, model 1f2e, request 4d2a-1"
    )
    assert format_text(RETURNED) == (
        "servicebus: returned overloaded in 0.4 ms, model 1f2e, request 4d2a-1"
    )
    assert ", 1 row, " in format_text(ANSWERED._replace(rows=1))


@given(st.text(alphabet=st.characters(), max_size=300))
def test_no_id_begins_a_line_or_reaches_a_terminal_as_a_control(text):
    finished = ANSWERED._replace(request_id=text)
    for line in (format_json(finished), format_text(finished)):
        assert line.isprintable()
    assert json.loads(format_json(finished))["request_id"].isprintable()


@pytest.mark.parametrize(
    "text", ["a\nb", "\x1b[2J", "\x9b31m", "a\u2028b", "\u202egnp.exe", "\udcff", "a\0", "\x7f"]
)
def test_an_id_is_escaped_as_in_the_lines_of_failures(text):
    finished = ANSWERED._replace(request_id=text)
    assert json.loads(format_json(finished))["request_id"] == repr(text)[1:-1]
    assert format_text(finished).endswith(f"request {text!r}")


def test_an_id_that_looks_like_other_fields_is_in_quotes():
    forged = ANSWERED._replace(request_id="a, cache hit, 9 rows")
    assert format_text(forged).endswith("request 'a, cache hit, 9 rows'")


def test_a_long_id_is_cut():
    line = json.loads(format_json(ANSWERED._replace(request_id="a" * 10_000)))
    assert line["request_id"] == "a" * MAX_ID


def test_auto_is_text_on_a_terminal_and_json_otherwise(caplog, monkeypatch):
    caplog.set_level(logging.INFO)
    for is_terminal in (True, False):
        monkeypatch.setattr(sys.stderr, "isatty", lambda answer=is_terminal: answer)
        RequestLog("auto")(ANSWERED)
    on_terminal, otherwise = (record.getMessage() for record in caplog.records)
    assert on_terminal == format_text(ANSWERED)
    assert json.loads(otherwise)["request_id"] == "4d2a-1"


def test_a_percent_sign_in_an_id_is_no_placeholder(caplog):
    caplog.set_level(logging.INFO)
    RequestLog("json")(ANSWERED._replace(request_id="%s%d"))
    assert json.loads(caplog.messages[0])["request_id"] == "%s%d"


def test_the_level_of_its_logger_silences_it(caplog):
    caplog.set_level(logging.WARNING, NAME)
    RequestLog("json")(ANSWERED)
    assert caplog.records == []


def test_it_is_off_unless_asked_for(tmp_path):
    (tmp_path / "models/digits").mkdir(parents=True)
    read = [
        InferenceSettings.from_env({"REQUEST_LOG": text}, root=tmp_path).request_log
        for text in ("", "off", "JSON", "text", "auto")
    ]
    assert read == ["off", "off", "json", "text", "auto"]
