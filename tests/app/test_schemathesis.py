"""schemathesis sends requests that the OpenAPI document allows, and many that it does not.

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
#: A script decides what it accepts: it may refuse some of what its decorators allow.
OF_SCRIPTS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,"
    "response_headers_conformance,response_schema_conformance,ignored_auth"
)

#: A script takes no tensors: the protocol's routes answer 501.
TENSORLESS = ("--exclude-path-regex", "/infer$")


@pytest.fixture
def ask(tmp_path):
    """`ask(url, *arguments, examples=…)`: run it. Returns its output; fails if it found a flaw."""

    def run(url: str, *arguments: str, examples: int) -> str:
        hooks = "tests.app.schemathesis_hooks"
        done = subprocess.run(
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
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

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


def test_the_whole_app_keeps_to_its_document(ask, make_app):
    app = make_app(HOST_FUNCTION_KEY=KEY)
    output = ask(app.host.url, examples=5)
    assert "25 selected / 25 total" in output
    assert "Stateful" in output


@pytest.mark.long
def test_a_model_of_named_columns_keeps_to_its_document(ask, serve):
    assert "23 selected / 23 total" in ask(serve("frame"), examples=10)


def test_a_script_keeps_to_its_document(ask, serve):
    output = ask(serve("numpy"), *TENSORLESS, "--checks", OF_SCRIPTS, examples=5)
    assert "21 selected / 23 total" in output


MANY = 100


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kind", ["classifier", "frame", "texts", "regressor", "transformer"])
def test_hundreds_of_requests_find_no_flaw(ask, serve, kind):
    ask(serve(kind), examples=MANY)


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kind", ["several outputs", "outliers"])
def test_trees_refuse_what_is_beyond_their_float32_and_nothing_else_goes_wrong(ask, serve, kind):
    ask(serve(kind), "--checks", f"{OF_SCRIPTS},negative_data_rejection", examples=MANY)


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kind", ["bare", "raw", "numpy", "pandas"])
def test_hundreds_of_requests_find_no_flaw_in_a_script(ask, serve, kind):
    ask(serve(kind), *TENSORLESS, "--checks", OF_SCRIPTS, examples=MANY)
