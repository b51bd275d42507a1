"""schemathesis asks the app all that its OpenAPI document allows, and much that it does not.

No answer is a 5xx; each has a documented status, type, headers and body. A model takes what its
schema allows and refuses what it does not.
"""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.servers import HostProcess
from tests.triggers.description import documented
from tests.waiting import eventually

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
COMMAND = Path(sys.executable).with_name("schemathesis")
KEY = "opensesame"
#: What a script takes is its own affair: of what its decorators leave open it may refuse some.
OF_SCRIPTS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,"
    "response_headers_conformance,response_schema_conformance,ignored_auth"
)

#: A script takes no tensors, which the protocol's routes answer with 501.
TENSORLESS = ("--exclude-path-regex", "/infer$")


@pytest.fixture
def ask(tmp_path):
    """`ask(url, *arguments, examples=…)`: what it printed; fails where it found a flaw."""

    def run(url: str, *arguments: str, examples: int) -> str:
        hooks = "tests.app.schemathesis_hooks"
        told = subprocess.run(
            [
                *(str(COMMAND), "--config-file", str(HERE / "schemathesis.toml"), "run"),
                *(f"{url}/api/openapi.json", "--header", f"x-functions-key: {KEY}"),
                *("--generation-deterministic", "--max-examples", str(examples)),
                *("--continue-on-failure", "--no-color", "--warnings", "off", *arguments),
            ],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT), "SCHEMATHESIS_HOOKS": hooks},
            capture_output=True,
            text=True,
            check=False,
            timeout=1800,
        )
        assert told.returncode == 0, told.stdout + told.stderr
        return told.stdout

    return run


@pytest.fixture
def serve(start_host, tmp_path):
    """`serve(kind)`: the address of a host that has loaded one of documented.KINDS."""

    def start(kind: str) -> str:
        folder = documented.folder_of(kind, tmp_path)
        host: HostProcess = start_host(
            ROOT, {"AZUREML_MODEL_DIR": str(folder), "TRIGGERS": "http", "HOST_FUNCTION_KEY": KEY}
        )
        eventually(lambda: is_ready(host.url), 30)
        return host.url

    return start


def is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/api/health/ready", timeout=5) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def test_the_whole_app_does_as_its_document_says(ask, make_app):
    app = make_app(HOST_FUNCTION_KEY=KEY)
    told = ask(app.host.url, examples=10)
    assert "17 selected / 17 total" in told
    assert "Stateful" in told


def test_a_model_of_named_columns_does_as_its_document_says(ask, serve):
    assert "17 selected / 17 total" in ask(serve("frame"), examples=10)


def test_a_script_does_as_its_document_says(ask, serve):
    told = ask(serve("numpy"), *TENSORLESS, "--checks", OF_SCRIPTS, examples=5)
    assert "15 selected / 17 total" in told


MANY = 100


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kind", ["classifier", "frame", "texts", "regressor", "transformer"])
def test_hundreds_of_requests_more_find_nothing_either(ask, serve, kind):
    ask(serve(kind), examples=MANY)


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kind", ["several outputs", "outliers"])
def test_trees_refuse_what_is_beyond_their_float32_and_nothing_else_goes_wrong(ask, serve, kind):
    ask(serve(kind), "--checks", f"{OF_SCRIPTS},negative_data_rejection", examples=MANY)


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kind", ["bare", "raw", "numpy", "pandas"])
def test_of_a_script_they_find_nothing_either(ask, serve, kind):
    ask(serve(kind), *TENSORLESS, "--checks", OF_SCRIPTS, examples=MANY)
