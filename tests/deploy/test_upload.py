"""What goes to Azure without `triscore package`: by `func azure functionapp publish`, by Docker."""

import subprocess
from pathlib import Path

import yaml

from deploy import project_files

ROOT = Path(__file__).resolve().parents[2]


def git(*arguments):
    told = subprocess.run(
        ["git", "ls-files", *arguments], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(told.stdout.splitlines())


def patterns(name):
    lines = (ROOT / name).read_text().splitlines()
    return {line.lstrip("/*") for line in lines if line and not line.startswith("#")}


def test_func_publishes_the_app_and_nothing_else():
    published = git() - git("--cached", "--ignored", "--exclude-from=.funcignore")
    # A model is no part of the repository: it is trained, or the user's own.
    assert {name.partition("/")[0] for name in published} == {
        *project_files.APP,
        "requirements.txt",
    }


def test_a_model_of_the_users_is_published():
    ignored = git("--others", "--ignored", "--exclude-from=.funcignore", "models")
    assert not any(name.endswith(("model.joblib", "triscore.json")) for name in ignored)


def test_docker_leaves_out_what_func_leaves_out():
    assert patterns(".dockerignore") == patterns(".funcignore")


def test_the_workflow_runs_what_everybody_runs_and_builds_the_template():
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())
    commands = [step.get("run", "") for job in workflow["jobs"].values() for step in job["steps"]]
    assert ".ci/run" in workflow["jobs"]["ci"]["strategy"]["matrix"]["command"]
    assert "${{ matrix.command }}" in commands
    assert any("az bicep build --file infra/main.bicep" in command for command in commands)
