"""The pages in docs/ name files, settings, roles and values that exist."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.deploy.test_infra import DATA_ROLES, INFRA

ROOT = Path(__file__).resolve().parents[2]
PAGES = {page.stem: page.read_text() for page in sorted((ROOT / "docs").glob("*.md"))}


def leaves(document, path=""):
    for name, each in document.items():
        if isinstance(each, dict):
            yield from leaves(each, f"{path}{name}.")
        else:
            yield f"{path}{name}", each if isinstance(each, str) else json.dumps(each)


def test_every_choice_of_the_template_is_in_the_guide():
    choices = set(re.findall(r"TRISCORE_\w+", (INFRA / "main.parameters.json").read_text()))
    assert choices <= set(re.findall(r"TRISCORE_\w+", PAGES["deploy"]))


@pytest.mark.parametrize("name", PAGES)
def test_every_triscore_variable_in_a_page_exists(name):
    # Those of the template, of the local host and emulators, of commands, and of a test.
    killed = ROOT / "tests/app/test_killed_jobs.py"
    files = [*INFRA.glob("main.*"), *(ROOT / "local").rglob("*.py"), *(ROOT / "cli").rglob("*.py")]
    known = "".join(path.read_text() for path in [*files, killed])
    assert set(re.findall(r"TRISCORE_\w+", PAGES[name])) <= set(re.findall(r"TRISCORE_\w+", known))


def test_every_role_that_the_template_grants_has_its_reason_in_the_guide():
    for role in DATA_ROLES.values():
        assert role in PAGES["deploy"]


def test_every_value_of_host_json_is_explained():
    host = json.loads((ROOT / "host.json").read_text())
    for path, value in leaves(host):
        assert f"| `{path}` | `{value}` |" in PAGES["scale"], path


def test_the_command_of_the_guide_fills_every_gap_of_the_kubernetes_manifest():
    (command,) = re.findall(r"^(sed -e .*?) \| kubectl", PAGES["scale"], re.MULTILINE | re.DOTALL)
    manifest = ROOT / "deploy/kubernetes/triscore.yaml"
    gaps = r"\b(IMAGE|CLIENT_ID|STORAGE|SERVICEBUS|REDIS)\b"
    assert len(set(re.findall(gaps, manifest.read_text()))) == 5
    filled = subprocess.run(
        command, shell=True, cwd=ROOT, capture_output=True, text=True, check=True, timeout=10
    )
    assert not re.findall(gaps, filled.stdout)
