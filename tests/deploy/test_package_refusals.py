"""Refused packages: a sentence with what to do, exit code 2, and nothing written."""

import json
import os
import pickle
import re
import zipfile
from pathlib import Path

import pytest
from sklearn.linear_model import LogisticRegression

import deploy
from deploy import packaging
from deploy.errors import Refused
from inference.models import manifest_file
from tests import small_model
from tests.run_python import run_python

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = "def init(): pass\ndef run(data): return [data]\n"


@pytest.fixture
def model(tmp_path):
    """A folder that can be packaged: its script is all there is."""
    folder = tmp_path / "work" / "echo"
    folder.mkdir(parents=True)
    (folder / "score.py").write_text(SCRIPT)
    return folder


@pytest.fixture
def refusal(model):
    """The sentence of a refusal that left everything as it was."""

    def refused(**given) -> str:
        before = sorted(model.parent.rglob("*"))
        arguments = {"model": model, "trigger": "all", "output": model.parent / "app", **given}
        with pytest.raises(Refused) as caught:
            deploy.package(**arguments)
        assert sorted(model.parent.rglob("*")) == before
        sentence = str(caught.value)
        assert "\n" not in sentence
        return sentence

    return refused


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"model": "nowhere.pkl"}, "nowhere.pkl does not exist: --model names a model file"),
        ({"entry_script": "nowhere.py"}, "nowhere.py does not exist: --entry-script names"),
        ({"requirements": "nowhere.txt"}, "nowhere.txt does not exist: --requirements names"),
        ({"tracing": "zipkin"}, "--tracing zipkin: expected one of otlp, azure-monitor"),
        ({"trigger": "smtp"}, "--trigger smtp: expected one of http, blob, service-bus-queue, all"),
        (
            {"trigger": "blob", "auth_level": "admin"},
            "--auth-level does not apply to --trigger blob",
        ),
        (
            {"trigger": "http", "input_path": "in/{name}"},
            "--input-path does not apply to --trigger http",
        ),
        (
            {"output_path": "out/{name}_out.json"},
            "--output-path out/{name}_out.json: expected CONTAINER or CONTAINER/{name}",
        ),
        ({"output": ROOT / "README.md/app"}, "README.md is not a folder: name another --output"),
        ({"output": ROOT}, "it is not only a package, and is not replaced"),
        ({"output": ROOT / "README.md"}, "exists and is not a package"),
    ],
)
def test_a_refusal_before_the_start_names_what_was_expected(refusal, given, says):
    assert says in refusal(**given)


def test_a_package_does_not_go_into_the_folder_of_its_model(refusal, model):
    assert "is in the model's folder" in refusal(output=model / "app.zip")


def test_a_zip_that_is_not_a_package_is_not_replaced(refusal, model):
    target = model.parent / "data.zip"
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("rows.csv", "1,2\n")
    assert "data.zip holds rows.csv" in refusal(output=target)
    target.write_bytes(b"no zip")
    assert "data.zip exists and is not a package" in refusal(output=target)


@pytest.mark.parametrize(
    "line",
    [
        *("pandas", "pandas>=3", "pandas==3.*", "pandas===3.1.1", "-r more.txt", "-e ."),
        *("pandas==3.1.1 --hash=sha256:00", "https://example.com/a.whl", "pandas==3.1,<4"),
    ],
)
def test_a_requirement_that_is_not_pinned_is_named_with_its_line(refusal, model, line):
    file = model.parent / "requirements.txt"
    file.write_text(
        f"# what the script needs\nscipy[test]==1.18.0 ; python_version > '3'\n{line}\n"
    )
    assert f"requirements.txt, line 3, is {line!r}: expected NAME==VERSION" in refusal(
        requirements=file
    )


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"input_path": "arrivals/x.csv"}, "--input-path arrivals/x.csv: expected a container"),
        (
            {"output_path": "scoring-input"},
            "--output-path scoring-input: expected another container",
        ),
    ],
)
def test_a_value_that_the_app_does_not_take_is_named_by_its_option(refusal, given, says):
    assert says in refusal(**given)


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("def init(): 1 / 0\ndef run(data): pass\n", "score.py did not start: ZeroDivisionError"),
        ("import pandas\n" + SCRIPT, "the requirements do not install pandas: add pandas==3.1.1"),
        ("import nowhere\n" + SCRIPT, "the package does not contain nowhere: pin it"),
        ("import os\nos._exit(3)\n", "ended the process with exit code 3"),
        (
            "def init(): open('models/echo/made', 'w').close()\ndef run(data): pass\n",
            "the script wrote models/echo/made while it started",
        ),
    ],
)
def test_a_script_that_would_not_start_in_azure_is_not_packaged(refusal, model, script, says):
    (model / "score.py").write_text(script)
    assert says in refusal()


def test_two_scripts_of_the_same_name_are_refused(refusal, model):
    (model.parent / "score.py").write_text(SCRIPT)
    assert "has another score.py" in refusal(entry_script=model.parent / "score.py")


def test_a_model_that_answers_its_golden_rows_differently_is_not_packaged(refusal, model):
    folder = small_model.save(model.parent)
    manifest = json.loads((folder / manifest_file.NAME).read_bytes())
    manifest["golden"]["predictions"] = [7] * len(manifest["golden"]["predictions"])
    (folder / manifest_file.NAME).write_text(json.dumps(manifest))
    assert "answers its golden rows differently" in refusal(model=folder)


def test_a_folder_without_a_model_is_named_by_its_own_path(refusal, model):
    (model / "score.py").rename(model / "notes.txt")
    assert "expected one model file" in refusal()
    (model / manifest_file.NAME).write_text(
        '{"file": "gone.pkl", "sha256": "", "framework": "scikit-learn", "version": "1"}'
    )
    assert f"`triscore describe {model}`" in refusal()


def test_a_model_of_a_class_that_is_not_in_the_package_is_refused(refusal, model):
    estimator = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    estimator.step = small_model.doubled  # which this process can find, and no package
    file = model.parent / "own.pkl"
    file.write_bytes(pickle.dumps(estimator))
    assert "the package does not contain tests: pin it" in refusal(model=file)


def test_a_package_that_is_too_large_for_azure_is_refused_before_anything_is_copied(refusal, model):
    with (model / "huge.bin").open("wb") as file:
        file.truncate(packaging.MAX_BYTES)
    assert re.search(r"has 2,0\d\d MB, and Azure's zip deployment accepts 2,048 MB", refusal())


def test_the_command_ends_with_2_and_one_line(model):
    (model / "score.py").write_text("def init(): pass\n")
    target = model.parent / "app.zip"
    words = ("package", "--model", model, "--trigger", "all", "--output", target)
    told = run_python("-m", "cli", *words, env={**os.environ, "TRIGGERS": "nonsense"})
    assert (told.returncode, told.stdout) == (2, "")
    assert told.stderr == "score.py needs init() and run(data): it has no run()\n"
    assert not target.exists()
