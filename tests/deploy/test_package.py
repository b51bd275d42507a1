import json
import pickle
import shutil
import zipfile
from pathlib import Path

import pytest
from sklearn.linear_model import LogisticRegression

import deploy
from deploy import closure, outputs, packaged_model, packaging, pins
from deploy.errors import Refused
from inference import package_settings
from inference.errors import SettingError
from inference.models import manifest_file
from tests import small_model

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = "def init(): pass\ndef run(data): return [data]\n"


def tree(folder: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


@pytest.fixture
def scripted(tmp_path):
    """A folder whose script is all there is: it starts without scikit-learn."""
    folder = tmp_path / "echo"
    folder.mkdir()
    (folder / "score.py").write_text(SCRIPT)
    return folder


@pytest.fixture(scope="module")
def pickled(tmp_path_factory):
    file = tmp_path_factory.mktemp("pickled") / "signs.pkl"
    model = LogisticRegression().fit([[0.0, 1.0], [1.0, 0.0]] * 5, [0, 1] * 5)
    file.write_bytes(pickle.dumps(model))
    return file


@pytest.fixture(scope="module")
def package(pickled, tmp_path_factory):
    """A fresh pickle, packaged as a folder."""
    target = tmp_path_factory.mktemp("packages") / "dist/app"
    deploy.package(pickled, trigger="all", output=target, generate_dockerfile=True)
    return target


def test_a_package_holds_what_runs_and_nothing_else(package):
    top = {file.name for file in package.iterdir()}
    assert top == outputs.TOP
    for room in ("triggers", "inference", "cache"):
        ours = {name for name in tree(ROOT / room) if "__pycache__" not in name}
        assert set(tree(package / room)) == ours
    assert (package / "triggers/console/page/console.html").is_file()
    assert set(tree(package / "models")) == {"signs/signs.pkl", "signs/triscore.json"}


def test_a_fresh_pickle_is_described_in_its_package_and_left_alone(package, pickled):
    described = manifest_file.read(package / "models/signs")
    assert (described.file, described.features.count) == ("signs.pkl", 2)
    assert described.golden.rows
    assert [file.name for file in pickled.parent.iterdir()] == ["signs.pkl"]


def test_a_described_file_brings_its_manifest_and_the_name_of_its_folder(tmp_path):
    folder = small_model.save(tmp_path)
    (folder / "notes.txt").write_text("of the trainer")
    found = packaged_model.find(folder / "model.joblib", None)
    assert (found.name, set(found.files)) == ("sum", {"model.joblib", "triscore.json"})
    files = set(packaged_model.find(folder, None).files)
    assert files == {"model.joblib", "triscore.json", "notes.txt"}


@pytest.mark.long
def test_a_folder_and_a_zip_of_the_same_input_are_the_same_bytes_each_time(
    package, pickled, tmp_path
):
    archive = tmp_path / "app.zip"
    deploy.package(pickled, trigger="all", output=archive, generate_dockerfile=True)
    with zipfile.ZipFile(archive) as opened:
        assert {name: opened.read(name) for name in opened.namelist()} == tree(package)
        assert opened.namelist() == sorted(opened.namelist())
    shutil.copytree(package, tmp_path / "again")
    outputs.replace(tmp_path / "again", tmp_path / "again.zip")
    assert (tmp_path / "again.zip").read_bytes() == archive.read_bytes()


def test_another_content_of_the_same_length_has_another_date_in_the_zip(tmp_path):
    dates = []
    for text in (b"1", b"2"):
        staged = tmp_path / "staged"
        staged.mkdir(exist_ok=True)
        (staged / "model.pkl").write_bytes(text)
        outputs.replace(staged, tmp_path / "app.zip")
        with zipfile.ZipFile(tmp_path / "app.zip") as archive:
            dates.append(archive.getinfo("model.pkl").date_time)
    assert dates[0] != dates[1]


def test_the_dockerfile_copies_what_is_there_onto_microsofts_image(package):
    lines = (package / "Dockerfile").read_text().splitlines()
    assert "FROM mcr.microsoft.com/azure-functions/python:4-python3.13" in lines
    copied = [line.split()[1] for line in lines if line.startswith("COPY")]
    assert copied == ["requirements.txt", "."]
    assert "local.settings.json" in (package / ".dockerignore").read_text().splitlines()


@pytest.mark.long
def test_each_package_function_registers_one_trigger_with_its_options(scripted, tmp_path):
    made = deploy.package_http(scripted, auth_level="anonymous", output=tmp_path / "http")
    assert {"score", "results_by_id"} < set(made.functions)
    assert not {"score_blob", "score_messages"} & set(made.functions)
    made = deploy.package_blob(
        scripted, input_path="in/{name}", output_path="out/{name}", output=tmp_path / "blob"
    )
    assert made.functions == ["score_blob"]
    made = deploy.package_service_bus_queue(
        scripted, input_queue_name="in", output_queue_name="out", output=tmp_path / "queue"
    )
    assert made.functions == ["score_messages"]
    model = {"AZUREML_MODEL_DIR": "models/echo", "AZUREML_ENTRY_SCRIPT": "score.py"}
    assert {
        name: json.loads((tmp_path / name / "settings.json").read_text())
        for name in ("http", "blob", "queue")
    } == {
        "http": {**model, "TRIGGERS": "http", "HTTP_AUTH_LEVEL": "anonymous"},
        "blob": {
            **model,
            "TRIGGERS": "blob",
            "INPUT_BLOB_PATH": "in/{name}",
            "OUTPUT_CONTAINER": "out",
        },
        "queue": {
            **model,
            "TRIGGERS": "servicebus",
            "INPUT_QUEUE_NAME": "in",
            "OUTPUT_QUEUE_NAME": "out",
        },
    }


def test_a_module_beside_the_script_is_found_though_no_package_of_its_name_is(scripted, tmp_path):
    (scripted / "yaml.py").write_text("FORMAT = 'my own'\n")
    (scripted / "score.py").write_text("from yaml import FORMAT\n" + SCRIPT)
    assert "yaml" in closure.missing_modules(())
    made = deploy.package(scripted, trigger="blob", output=tmp_path / "app")
    assert made.functions == ["score_blob"]


def test_requirements_beside_a_script_take_precedence_over_the_apps(scripted):
    (scripted / "requirements.txt").write_text("# mine\nNumPy==1.0 # old\npandas==3.1.1\n")
    required = packaging.requirements_of(packaged_model.find(scripted, None), None)
    lines = pins.text(required).decode().splitlines()
    assert lines[-2:] == ["NumPy==1.0", "pandas==3.1.1"]
    assert "azure-functions==2.3.0" in lines
    assert not [line for line in lines if line.startswith(("numpy", "#"))]
    (note,) = pins.untested_notes(required)
    assert "numpy==1.0, tested here with 2." in note


def test_the_environment_takes_precedence_over_a_packages_settings(tmp_path):
    assert package_settings.with_defaults({"TRIGGERS": "http", "MAX_ROWS": ""}, root=tmp_path) == {
        "TRIGGERS": "http"
    }
    (tmp_path / "settings.json").write_text('{"TRIGGERS": "blob", "MAX_ROWS": "5"}')
    merged = package_settings.with_defaults({"TRIGGERS": "http", "MAX_ROWS": ""}, root=tmp_path)
    assert merged == {"TRIGGERS": "http", "MAX_ROWS": "5"}


@pytest.mark.parametrize("text", ["", "[]", '{"MAX_ROWS": 5}'])
def test_bad_settings_of_a_package_stop_the_start(tmp_path, text):
    (tmp_path / "settings.json").write_text(text)
    with pytest.raises(SettingError, match=r"settings\.json=.* expected a JSON object of strings"):
        package_settings.with_defaults({}, root=tmp_path)


def test_a_package_is_replaced_by_a_package_and_nothing_else_is(package, scripted, tmp_path):
    target = tmp_path / "app"
    shutil.copytree(package, target)
    made = deploy.package(scripted, trigger="blob,service_bus_queue", output=target)
    assert made.functions == ["score_blob", "score_messages"]
    assert {file.name for file in (target / "models").iterdir()} == {"echo"}
    assert {file.name for file in tmp_path.iterdir()} == {"echo", "app"}
    (target / "local.settings.json").write_text("{}")
    with pytest.raises(Refused, match=r"app holds local\.settings\.json"):
        deploy.package(scripted, trigger="http", output=target)


def test_an_option_of_another_name_is_an_error_of_the_programmers(scripted, tmp_path):
    with pytest.raises(TypeError, match="a package has no option auth_levle: expected auth_level"):
        deploy.package_http(scripted, auth_levle="admin", output=tmp_path / "app")


def test_missing_modules_are_found_through_dependencies(tmp_path):
    file = tmp_path / "requirements.txt"

    def missing(*lines: str) -> dict[str, str]:
        file.write_text("\n".join(lines))
        return closure.missing_modules(pins.read(file))

    without = missing("scikit-learn==1.9.1")
    assert {"sklearn", "scipy", "joblib"}.isdisjoint(without)
    assert without["pandas"] == "pandas==3.1.1"
    assert {"azure", "azurefunctions"} <= set(without)
    # A namespace package of many distributions: each of them provides it.
    assert "azure" not in missing("azure-functions==2.3.0")
    assert "gevent" in missing("tritonclient==2.73.0")
    assert "gevent" not in missing("TritonClient[http]==2.73.0")
