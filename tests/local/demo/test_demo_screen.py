"""What the tour prints below its table."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from local.demo import presentation, screen
from local.demo.example import Body
from local.demo.golden_rows import GoldenRows

JSON, LINES = "application/json", "application/jsonl"
URL = "http://localhost:7071/api"


def golden(**changes: object) -> GoldenRows:
    fields: dict[str, object] = {
        "file": "models/mine/triscore.json",
        "rows": [[31.0, "O'Fallon", None], [2.5, "Zürich", 1.0]],
        "predictions": [0.1, None],
        "names": ("age", "city", "visits"),
        "is_text": False,
        "prediction_column": "prediction",
        "relative": 1e-6,
        "absolute": 1e-9,
    }
    return GoldenRows(**{**fields, **changes})  # type: ignore[arg-type]


def test_a_shell_reads_the_body_as_it_is_sent(tmp_path: Path) -> None:
    body = golden().request
    words = shlex.split(screen.curl(URL, body, key_setting="", folder=tmp_path))
    assert words[:3] == ["curl", f"{URL}/score", "-d"]
    assert json.loads(words[3]) == json.loads(body.content)
    assert json.loads(words[3]) == {"data": [{"age": 31, "city": "O'Fallon", "visits": None}]}


def test_the_shell_puts_the_key_in(tmp_path: Path) -> None:
    line = screen.curl(URL, golden().request, key_setting="HOST_FUNCTION_KEY", folder=tmp_path)
    assert line.endswith(' -H "x-functions-key: $HOST_FUNCTION_KEY"')


def test_a_long_body_and_a_binary_one_are_put_into_a_file(tmp_path: Path) -> None:
    for body in (
        Body(b'{"data": ["' + b"a" * 5000 + b'"]}', "application/json", ""),
        Body(b'{"half": [\n' * 300, "application/json", ""),
        Body(b"\x93NUMPY\xff", "application/x-npy", "", ".npy"),
    ):
        file = tmp_path / f"example{body.ending}"
        line = screen.curl(URL, body, key_setting="", folder=tmp_path)
        assert line.endswith(f"--data-binary @{file}")
        assert file.read_bytes() == body.content


def test_an_answer_agrees_within_the_manifests_tolerances() -> None:
    rows = golden()
    assert rows.check_request(b"[0.10000000001]", JSON) is None
    assert rows.check_request(b"[0.2]", JSON) == "expected [0.1], got [0.2]"
    assert rows.check_message(1, [None]) is None
    assert rows.check_message(1, [True]) == "expected [null], got [true]"


def test_several_outputs_of_a_scored_line_are_put_together() -> None:
    rows = golden(predictions=[[1.0, 2.0]], rows=[[1.0]])
    line = b'{"data": [1], "prediction_0": 1.0, "prediction_1": 2.0}\n'
    assert rows.check_blob(line * 500, LINES) is None
    assert rows.check_blob(line, LINES) == "expected 500 rows, got 1"


@pytest.mark.parametrize(
    ("column", "prediction", "line"),
    [
        ("prediction", 5.0, {"prediction_scored": 5.0}),
        ("prediction", [5.0, 6.0], {"prediction_0_scored": 5.0, "prediction_1": 6.0}),
        ("prediction", [5.0], {"prediction_0_scored": 5.0}),
        ("y_scored", 5.0, {"y_scored_scored": 5.0}),
    ],
)
def test_a_prediction_is_found_beside_a_column_of_its_name(column, prediction, line) -> None:
    rows = golden(predictions=[prediction], rows=[[1.0]], prediction_column=column)
    right = json.dumps({"data": [1.0]} | line).encode() + b"\n"
    assert rows.check_blob(right * 500, LINES) is None
    wrong = right.replace(b"5.0", b"4.0")
    assert "expected" in (rows.check_blob(wrong * 500, LINES) or "")


def test_a_demo_that_fails_ends_with_where_the_logs_are(monkeypatch, capsys):
    def break_down(*_):
        raise OSError("no model")

    monkeypatch.setattr(presentation, "_find_example", break_down)
    assert not presentation.show(None, None, None, stays_up=False)
    told = capsys.readouterr().out.splitlines()
    assert told == ["The tour ended early: OSError: no model", "Logs  .triscore/logs"]
