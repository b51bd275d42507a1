"""A package as a new user makes it: a new pickle, an own script, one command, a zip."""

import json
import os
import pickle
import shutil
import subprocess
import sys
import tomllib
import uuid
import venv
import zipfile
from pathlib import Path

import pytest
from azure.servicebus import ServiceBusMessage
from sklearn.linear_model import LinearRegression

import deploy

ROOT = Path(__file__).resolve().parents[2]
ROWS = b'{"data": [[2, 5], [1, 1]]}'
SCORES = [{"score": 20}, {"score": 6}]

SCRIPT = """
import json, os, pickle

def init():
    global model
    with open(os.path.join(os.environ["AZUREML_MODEL_DIR"], "prices.pkl"), "rb") as file:
        model = pickle.load(file)

def run(data):
    return [{"score": round(score)} for score in model.predict(json.loads(data)["data"])]
"""


@pytest.fixture(scope="module")
def prices(tmp_path_factory):
    """A folder with a user's pickle and script."""
    folder = tmp_path_factory.mktemp("user")
    model = LinearRegression().fit([[0, 0], [1, 0], [0, 1]], [1, 3, 4])
    (folder / "prices.pkl").write_bytes(pickle.dumps(model))
    (folder / "score.py").write_text(SCRIPT)
    return folder


@pytest.fixture(scope="module")
def host_alone(tmp_path_factory):
    """Only the host of this project; everything that it runs is the package's."""
    folder = tmp_path_factory.mktemp("host_alone")
    shutil.copytree(ROOT / "local", folder / "local")
    return {"PYTHONPATH": str(folder), "PYTHONSAFEPATH": "1", "AZUREML_MODEL_DIR": ""}


@pytest.fixture(scope="module")
def unzipped(prices, tmp_path_factory):
    folder = tmp_path_factory.mktemp("package")
    command = [
        *(sys.executable, "-m", "cli", "package", "--trigger", "all"),
        *("--model", prices / "prices.pkl", "--entry-script", prices / "score.py"),
        *("--output", folder / "app.zip"),
    ]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{folder}/app.zip: prices behind all, ")
    with zipfile.ZipFile(folder / "app.zip") as archive:
        archive.extractall(folder / "app")
    return folder / "app"


@pytest.fixture(scope="module")
def clean_python(unzipped, tmp_path_factory):
    """A Python environment with the requirements of the package and of the local host."""
    home = tmp_path_factory.mktemp("environment")
    venv.create(home, with_pip=True)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extras = project["project"]["optional-dependencies"]
    needed = [each for name in ("deploy", "local") for each in extras[name] if "==" in each]
    install = ["-m", "pip", "install", "-q", "--disable-pip-version-check"]
    subprocess.run(
        [home / "bin/python", *install, "-r", unzipped / "requirements.txt", *needed],
        env={name: os.environ[name] for name in os.environ if name != "PYTHONPATH"},
        check=True,
        timeout=600,
    )
    return str(home / "bin/python")


@pytest.fixture(scope="module", params=["this", pytest.param("clean", marks=pytest.mark.long)])
def packaged(request, unzipped, host_alone, make_app):
    """The unzipped package, run in this environment, and in one with only its requirements."""
    clean = request.param == "clean"
    python = request.getfixturevalue("clean_python") if clean else sys.executable
    return make_app(app_dir=unzipped, python=python, **host_alone)


def send(app) -> str:
    name = uuid.uuid4().hex
    app.send(ServiceBusMessage(ROWS, message_id=name))
    return name


def test_a_package_answers_over_http(packaged):
    reply = packaged.post(ROWS)
    assert (reply.status, reply.json()) == (200, SCORES)


def test_a_package_scores_a_blob(packaged):
    packaged.upload("rows.json", ROWS)
    assert packaged.report("rows.json")["status"] == "succeeded"
    assert json.loads(packaged.output("rows.json")) == SCORES


def test_a_package_answers_a_message(packaged):
    (document,) = packaged.inbox.of(send(packaged))
    assert document["result"] == SCORES


@pytest.fixture(scope="module")
def alone(prices, tmp_path_factory, host_alone, make_app):
    """`alone(trigger)`: the same servers, and the host on a folder with that trigger alone."""
    folder = tmp_path_factory.mktemp("alone")
    made = {
        name: deploy.package(prices, trigger=name, output=folder / name).path
        for name in ("http", "blob", "service-bus-queue")
    }
    app = make_app(app_dir=made["http"], **host_alone)

    def start(trigger: str):
        app.host.stop()
        app.app_dir = made[trigger]
        app.start_host(answers="/api/health/ready" if trigger == "http" else "/admin/host/ping")
        return app

    return start


@pytest.mark.long
def test_a_package_of_one_trigger_serves_that_trigger_only(alone):
    app = alone("http")
    assert app.post(ROWS).json() == SCORES
    app.upload("waits.json", ROWS)
    waiting = send(app)

    app = alone("blob")
    assert app.report("waits.json")["status"] == "succeeded"
    assert app.post(ROWS).status == 404
    assert waiting not in app.inbox.counts()

    app = alone("service-bus-queue")
    (document,) = app.inbox.of(waiting)
    assert document["result"] == SCORES
    assert app.post(ROWS).status == 404
