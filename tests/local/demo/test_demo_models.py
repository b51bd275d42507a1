"""The tour with every kind of model, as `triscore up` makes it: what it prints, and that the curl
that it prints works as it is pasted.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_iris
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder

from deploy import describe, manifest
from inference.models import manifest_file
from local.demo import presentation
from local.demo.golden_rows import read_golden_rows
from local.demo.host_server import ROOT, HostServer
from local.demo.settings import AppSettings
from local.emulators.ports import Ports
from local.emulators.supervisor import Supervisor
from tests import servers
from tests.servers import AzuriteProcess, BrokerProcess, RedisProcess

pytestmark = [pytest.mark.long, pytest.mark.timeout(180)]

IRIS, SPECIES = load_iris(return_X_y=True)
AGES = [31.0, 44.0, None, 27.0, 58.0, 39.0] * 5
CITIES = ["Bern", "Genf", "Bern", None, "Zürich", "O'Fallon"] * 5
BOUGHT = ["yes", "no", "yes", "yes", "no", "no"] * 5
TEXTS = ["what a good day", "a bad, bad day", "it's good", "bad luck"] * 5

SCRIPT = """
import json

def init():
    pass

def run(data):
    return {"total": sum(json.loads(data)["numbers"])}
"""

SCRIPT_WITH_SAMPLE = """
from inference_schema.parameter_types.standard_py_parameter_type import StandardPythonParameterType
from inference_schema.schema_decorators import input_schema

def init():
    pass

@input_schema("numbers", StandardPythonParameterType([1, 2, 3]))
def run(numbers):
    return {"total": sum(numbers)}
"""


RAW_SCRIPT = """
from azureml.contrib.services.aml_request import AMLRequest, rawhttp
from azureml.contrib.services.aml_response import AMLResponse

def init():
    pass

@rawhttp
def run(request):
    return AMLResponse(ANSWER)
"""


@dataclasses.dataclass(frozen=True)
class Emulators:
    """The demo's stack, started by the test: empty servers on ports of their own."""

    storage_connection_string: str
    servicebus_connection_string: str
    redis_url: str
    ports: Ports


@pytest.fixture(scope="module")
def emulators(
    redis_server: RedisProcess, azurite: AzuriteProcess, servicebus: BrokerProcess
) -> Emulators:
    blob, queue, table = azurite.server.ports
    ports = Ports(redis_server.port, blob, queue, table, servicebus.port)
    return Emulators(
        azurite.connection_string, servicebus.connection_string, redis_server.url, ports
    )


@pytest.fixture
def tour(
    emulators: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any, tmp_path: Path
) -> Iterator[Callable[..., tuple[bool, list[str]]]]:
    """Serves a model folder and makes the tour: whether it was right, and the lines it printed."""
    started = []

    def make(folder: Path, sample: Path | None = None, **env: str) -> tuple[bool, list[str]]:
        for name, value in ({"AZUREML_MODEL_DIR": str(folder)} | env).items():
            monkeypatch.setenv(name, value)
        settings = AppSettings.read(ROOT, os.environ)
        host = HostServer(emulators, servers.free_port(), has_http="http" in settings.triggers)
        supervisor = Supervisor(host, log_file=tmp_path / "host.log")
        started.append(supervisor)
        supervisor.launch()
        supervisor.wait_ready()
        assert host.failure() is None
        correct = presentation.show(host, settings, sample, stays_up=True)
        return correct, capsys.readouterr().out.splitlines()

    yield make
    for each in started:
        each.stop()


def arrays(folder: Path) -> None:
    describe(LogisticRegression(max_iter=500).fit(IRIS, SPECIES), IRIS, folder)


def frame_with_gaps(folder: Path) -> None:
    rows = pd.DataFrame({"age": AGES, "income": np.arange(30) * 1.5})
    describe(HistGradientBoostingClassifier(max_iter=3).fit(rows, BOUGHT), rows, folder)


def texts_in_columns(folder: Path) -> None:
    rows = pd.DataFrame({"city": [city or "Genf" for city in CITIES], "visits": range(30)})
    encoder = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["city"]), remainder="passthrough"
    )
    describe(make_pipeline(encoder, LogisticRegression()).fit(rows, BOUGHT), rows, folder)


def categories(folder: Path) -> None:
    cities = pd.Series(CITIES, dtype="category")
    rows = pd.DataFrame({"city": cities, "age": AGES})
    encoder = make_column_transformer(
        (OrdinalEncoder(encoded_missing_value=-1), ["city"]), remainder="passthrough"
    )
    model = make_pipeline(encoder, HistGradientBoostingClassifier(max_iter=3))
    describe(model.fit(rows, BOUGHT), rows, folder)


def texts(folder: Path) -> None:
    model = make_pipeline(TfidfVectorizer(), LogisticRegression())
    describe(model.fit(TEXTS, ["good", "bad"] * 10), TEXTS, folder)


def texts_without_rows(folder: Path) -> None:
    model = make_pipeline(TfidfVectorizer(), LogisticRegression())
    joblib.dump(model.fit(TEXTS, ["good", "bad"] * 10), folder / "model.joblib")
    manifest_file.write(folder, manifest.describe(folder))


def several_outputs(folder: Path) -> None:
    describe(LinearRegression().fit(IRIS, IRIS[:, :2] * 2), IRIS, folder)


def probabilities(folder: Path) -> None:
    model = LogisticRegression(max_iter=500).fit(IRIS, SPECIES)
    describe(model, IRIS, folder, method="predict_proba")


def onnx(folder: Path) -> None:
    from skl2onnx import to_onnx

    graph = to_onnx(LogisticRegression(max_iter=500).fit(IRIS, SPECIES), IRIS[:1].astype("f4"))
    (folder / "iris.onnx").write_bytes(graph.SerializeToString())
    manifest_file.write(folder, manifest.describe(folder))


def skops(folder: Path) -> None:
    from skops import io

    io.dump(LogisticRegression(max_iter=500).fit(IRIS, SPECIES), folder / "iris.skops")
    manifest_file.write(folder, manifest.describe(folder))


def mlflow(folder: Path) -> None:
    rows = pd.DataFrame({"rooms": [1, 2, 3, 4], "size": [20.5, 30.0, 41.5, 60.0]})
    model = LinearRegression().fit(rows, [1.0, 2.0, 3.5, 4.0])
    joblib.dump(model, folder / "model.pkl")
    inputs = [{"name": "rooms", "type": "long"}, {"name": "size", "type": "double"}]
    example = rows.head(2).to_dict(orient="split", index=False)
    (folder / "input_example.json").write_text(json.dumps(example))
    (folder / "MLmodel").write_text(
        "flavors: {sklearn: {pickled_model: model.pkl}}\n"
        "saved_input_example_info: {artifact_path: input_example.json, type: dataframe}\n"
        f"signature: {{inputs: {json.dumps(json.dumps(inputs))}}}\n"
    )
    manifest_file.write(folder, manifest.describe(folder))


MODELS = (
    arrays,
    frame_with_gaps,
    texts_in_columns,
    categories,
    texts,
    texts_without_rows,
    several_outputs,
    probabilities,
    onnx,
    skops,
    mlflow,
)


def steps(lines: list[str]) -> list[list[str]]:
    """The cells of the table's lines, below its heading."""
    table = lines[: lines.index("")]
    return [re.split(r"\s{2,}", line) for line in table[1:]]


def paste(lines: list[str]) -> Any:
    """What the curl answers that the tour shows."""
    (line,) = (line for line in lines if line.startswith("Try it"))
    done = subprocess.run(
        f"{line.removeprefix('Try it').strip()} --silent --show-error --fail",
        shell=True,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


@pytest.mark.parametrize("make", MODELS, ids=lambda make: str(make.__name__))
def test_the_tour_scores_any_model_through_every_trigger(make, tour, tmp_path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    make(folder)
    correct, lines = tour(folder)
    assert correct, lines
    table = steps(lines)
    assert [row[0] for row in table] == ["HTTP", "HTTP", "Blob", "Service Bus"]
    assert [row[1] for row in table][2:] == ["500 rows, JSON lines", "20 messages"]
    assert table[2][2] == "500 predictions"
    assert table[3][2] == "20 documents"
    assert f"Every answer is the one that {folder}/triscore.json expects." in lines
    assert len(paste(lines)) == 1


def test_a_script_is_sent_its_own_sample(tour, tmp_path) -> None:
    (tmp_path / "score.py").write_text(SCRIPT_WITH_SAMPLE)
    correct, lines = tour(tmp_path)
    assert correct, lines
    assert [row[0] for row in steps(lines)] == ["HTTP", "HTTP", "Blob", "Service Bus"]
    assert "All triggers gave the same answer." in lines
    assert paste(lines) == {"total": 6}


def test_a_script_without_a_sample_is_sent_nothing_unless_a_file_is_given(tour, tmp_path) -> None:
    (tmp_path / "score.py").write_text(SCRIPT)
    correct, lines = tour(tmp_path)
    assert correct, lines
    assert lines[0].startswith("score.py declares no sample input, so the tour sends nothing.")
    assert [line.split() for line in lines[2:5]] == [
        ["HTTP", "POST", "score", "ready"],
        ["Blob", "scoring-input", "ready"],
        ["Service", "Bus", "scoring-requests", "ready"],
    ]
    assert any(line.startswith("Console") for line in lines)
    assert not any(line.startswith("Try it") for line in lines)
    sample = tmp_path / "request.json"
    sample.write_text('{"numbers": [2, 3]}')
    correct, lines = tour(tmp_path, sample)
    assert correct, lines
    assert paste(lines) == {"total": 5}


@pytest.mark.parametrize(
    "answer", ['"7", 200', "7, 200, json_str=True", '"hello", 200', r'b"\x89PNG", 200']
)
def test_texts_numbers_and_bytes_of_a_script_are_the_same_through_every_trigger(
    tour, tmp_path, answer
) -> None:
    (tmp_path / "score.py").write_text(RAW_SCRIPT.replace("ANSWER", answer))
    sample = tmp_path / "request.txt"
    sample.write_text("any")
    correct, lines = tour(tmp_path, sample)
    assert correct, lines
    assert "All triggers gave the same answer." in lines


def test_a_script_that_answers_by_the_way_it_is_reached_is_said_to(tour, tmp_path) -> None:
    script = RAW_SCRIPT.replace("ANSWER", "request.headers.get('x-blob-name', 'none'), 200")
    (tmp_path / "score.py").write_text(script)
    sample = tmp_path / "request.txt"
    sample.write_text("any")
    correct, lines = tour(tmp_path, sample)
    assert correct, lines
    assert any(line.startswith("All triggers answered. Their answers differ") for line in lines)


@pytest.mark.parametrize("name", ["rows.csv", "rows.json", "rows.jsonl"])
def test_a_models_labels_agree_for_a_file_of_any_format(tour, tmp_path, name) -> None:
    labels = np.where(SPECIES == 0, "7", "8")
    describe(LogisticRegression(max_iter=500).fit(IRIS, labels), IRIS, tmp_path)
    rows = pd.DataFrame(IRIS[[0, 149]])
    sample = tmp_path / name
    texts = {
        "rows.csv": rows.to_csv(index=False, header=False),
        "rows.json": rows.to_json(orient="values"),
        "rows.jsonl": rows.to_json(orient="records", lines=True),
    }
    sample.write_text(texts[name])
    correct, lines = tour(tmp_path, sample)
    assert correct, lines
    assert [row[2] for row in steps(lines)][:3] == ['["7","8"]', '["7","8"]', "2 predictions"]
    assert "All triggers gave the same answer." in lines


def test_an_answer_that_is_too_large_for_the_queue_is_compared_too(tour, tmp_path) -> None:
    several_outputs(tmp_path)
    sample = tmp_path / "rows.json"
    sample.write_text(json.dumps(IRIS[[0]].tolist() * 9_000))  # two long numbers a row
    correct, lines = tour(tmp_path, sample)
    assert correct, lines
    assert "All triggers gave the same answer." in lines


def test_what_is_wrong_is_named_and_the_other_triggers_are_tried(
    tour, tmp_path, monkeypatch
) -> None:
    arrays(tmp_path)
    example = read_golden_rows(tmp_path, "mine", "prediction")
    assert example is not None
    # The app refuses a model that answers its golden rows differently: the tour alone errs here.
    wrong = dataclasses.replace(example, predictions=[7, *example.predictions[1:]])
    monkeypatch.setattr(presentation, "read_golden_rows", lambda *_: wrong)
    correct, lines = tour(tmp_path)
    assert not correct
    assert [row[2] for row in steps(lines)] == ["wrong"] * 4
    assert "HTTP, 1 row, JSON: expected [7], got [0]" in lines
    assert "Blob, 500 rows, JSON lines: row 0: expected 7, got 0" in lines
    assert paste(lines) == [0]  # the server is up


def test_a_script_that_raises_has_failed_through_every_trigger(tour, tmp_path) -> None:
    (tmp_path / "score.py").write_text(SCRIPT)
    sample = tmp_path / "request.json"
    sample.write_text('{"digits": [2, 3]}')
    correct, lines = tour(tmp_path, sample)
    assert not correct
    assert [row[2] for row in steps(lines)] == ["failed"] * 4
    assert "Service Bus, 20 messages: message 0: KeyError: 'numbers'" in lines
    assert any(line.startswith("Logs") for line in lines)


def test_only_the_triggers_of_the_app_are_toured(tour, tmp_path) -> None:
    arrays(tmp_path)
    correct, lines = tour(tmp_path, TRIGGERS="http")
    assert correct, lines
    assert [row[0] for row in steps(lines)] == ["HTTP", "HTTP"]
