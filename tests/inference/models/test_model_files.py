"""Where a model's file may lie, what it may be called, and which modules it may bring along."""

import gzip
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import joblib
import numpy as np
import pytest
import sklearn
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline

from deploy import manifest, package_http
from inference import models
from inference.errors import ModelUnavailable
from inference.models import local_modules, manifest_file

ROOT = Path(__file__).resolve().parents[3]
ROWS = np.random.default_rng(0).random((30, 3))
ESTIMATOR = Ridge().fit(ROWS, ROWS.sum(axis=1))
ROW = b"[[0.9, 0.9, 0.9]]"

STEP = """
import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin

class Scale(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X):
        return X * 2
"""


def described(folder: Path) -> str:
    made = manifest.describe(folder)
    manifest_file.write(folder, made)
    return made.file


@pytest.mark.parametrize(
    "name",
    [
        *("model.sav", "model.pkl", "Model.PKL", "model.pickle.gz", "model.joblib.gz"),
        *("model.sav.gz", "model.pkl.bz2", "model.joblib.xz", "model.joblib.z", "m.pkl.lzma"),
    ],
)
async def test_a_pickle_is_found_by_any_usual_ending(tmp_path, make_scorer, request_of, name):
    joblib.dump(ESTIMATOR, tmp_path / name)
    (tmp_path / "notes.txt").write_text("no model")
    assert described(tmp_path) == name
    answer = await make_scorer(tmp_path).score(request_of(ROW))
    assert np.isclose(float(answer.body[1:-1]), ESTIMATOR.predict([[0.9, 0.9, 0.9]])[0])


def test_a_plain_pickle_that_another_program_packed_is_loaded(tmp_path):
    (tmp_path / "model.pkl.gz").write_bytes(gzip.compress(pickle.dumps(ESTIMATOR)))
    assert described(tmp_path) == "model.pkl.gz"


@pytest.mark.parametrize("place", ["model", "model/artifacts", "INPUT_model_path/1"])
async def test_a_model_file_may_lie_in_a_folder_below(tmp_path, make_scorer, request_of, place):
    below = tmp_path / place
    below.mkdir(parents=True)
    joblib.dump(ESTIMATOR, below / "x.pkl")
    (tmp_path / ".cache").mkdir()
    joblib.dump(ESTIMATOR, tmp_path / ".cache/old.pkl")
    assert described(tmp_path) == f"{place}/x.pkl"
    assert (tmp_path / manifest_file.NAME).is_file()
    assert (await make_scorer(tmp_path).score(request_of(ROW))).body.startswith(b"[2.")


def test_files_of_the_upper_folder_come_first_and_two_are_refused(tmp_path):
    for name in ("model/x.pkl", "old/x.pkl"):
        (tmp_path / name).parent.mkdir()
        joblib.dump(ESTIMATOR, tmp_path / name)
    with pytest.raises(ModelUnavailable, match=r"found model/x\.pkl, old/x\.pkl: keep one of them"):
        models.find_file(tmp_path)
    joblib.dump(ESTIMATOR, tmp_path / "model.sav")
    assert models.find_file(tmp_path) == tmp_path / "model.sav"


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("models/churn", "churn"),
        ("azureml-models/churn/3", "churn"),
        ("churn/v2", "churn"),
        ("churn/1.0.4", "churn"),
        ("churn/3d", "3d"),
        ("/3", "3"),
    ],
)
def test_a_version_is_named_after_the_folder_above(folder, name):
    assert models.model_name(Path(folder)) == name


@pytest.mark.parametrize(
    ("file", "stem"), [("a.b.pkl", "a.b"), ("m.joblib.gz", "m"), ("M.PKL", "M"), ("m.txt", "m")]
)
def test_a_model_file_has_a_name_without_its_ending(file, stem):
    assert models.stem(Path(file)) == stem


async def test_a_scorer_names_the_model_and_not_its_version(tmp_path, make_scorer, request_of):
    folder = tmp_path / "churn/3"
    folder.mkdir(parents=True)
    joblib.dump(ESTIMATOR, folder / "model.pkl")
    described(folder)
    scorer = make_scorer(folder)
    await scorer.score(request_of(ROW))
    assert scorer.model.name == "churn"


@pytest.mark.long
@pytest.mark.parametrize(
    ("file", "named"), [("churn/3/model.pkl", "churn"), ("one.joblib.gz", "one")]
)
def test_a_package_names_the_model_and_not_its_version(tmp_path, file, named):
    model = tmp_path / file
    model.parent.mkdir(parents=True, exist_ok=True)
    joblib.dump(ESTIMATOR, model)
    if model.name == "model.pkl":
        described(model.parent)
        model = model.parent
    assert package_http(model, output=tmp_path / "app").model == named


@pytest.fixture
def with_module(tmp_path):
    """A model whose class lies in a module beside it, which this process does not know."""
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "own_steps.py").write_text(STEP)
    code = (
        "import joblib, numpy as np, own_steps; from sklearn.linear_model import Ridge;"
        "from sklearn.pipeline import make_pipeline; x = np.eye(3);"
        "joblib.dump(make_pipeline(own_steps.Scale(), Ridge()).fit(x, [1, 2, 3]), 'model.pkl')"
    )
    subprocess.run([sys.executable, "-B", "-c", code], cwd=folder, check=True)
    yield folder
    sys.modules.pop("own_steps", None)
    sys.path[:] = [place for place in sys.path if place != str(folder)]


async def test_a_module_beside_the_model_is_importable(with_module, make_scorer, request_of):
    assert described(with_module) == "model.pkl"
    assert (await make_scorer(with_module).score(request_of(ROW))).cache == "miss"
    packages = [at for at, place in enumerate(sys.path) if place.endswith("site-packages")]
    assert sys.path.index(str(with_module)) > max(packages)


@pytest.mark.long
def test_a_module_beside_the_model_is_packaged(with_module, tmp_path):
    made = package_http(with_module, output=tmp_path / "app")
    assert (made.path / "models/own/own_steps.py").read_text() == STEP


def test_a_changed_module_beside_the_model_changes_the_key(with_module):
    file = with_module / "model.pkl"
    before = local_modules.digest_beside(file)
    (with_module / "__pycache__").mkdir(exist_ok=True)
    (with_module / "__pycache__/own_steps.py").write_text("")
    (with_module / "notes.txt").write_text("")
    assert local_modules.digest_beside(file) == before
    (with_module / "own_steps.py").write_text(STEP.replace("* 2", "* 3"))
    assert local_modules.digest_beside(file) != before
    (with_module / "own_steps.py").unlink()
    assert local_modules.digest_beside(file) == b""


@pytest.fixture
def mlflow_model(tmp_path):
    """What MLflow's log_model writes for an estimator of scikit-learn."""

    def write(flavours: str, *, signature: str = "") -> Path:
        folder: Path = tmp_path / "models/logged"
        folder.mkdir(parents=True, exist_ok=True)
        joblib.dump(ESTIMATOR, folder / "model.pkl")
        joblib.dump(ESTIMATOR, folder / "python_model.pkl")
        (folder / "MLmodel").write_text(f"flavors:\n{flavours}{signature}")
        return folder

    return write


SKLEARN = "  sklearn:\n    pickled_model: model.pkl\n    sklearn_version: 1.9.1\n"
PYFUNC = "  python_function:\n    model_path: model.pkl\n    loader_module: mlflow.sklearn\n"
SIGNATURE = """signature:
  inputs: '[{"type": "long", "name": "age", "required": true}, {"type": "string", "name":
    "city", "required": false}, {"type": "double", "name": "income"}]'
  outputs: '[{"type": "long"}]'
"""
TENSOR = (
    'signature:\n  inputs: \'[{"type": "tensor", "tensor-spec":'
    ' {"dtype": "float64", "shape": [-1, 3]}}]\'\n'
)


@pytest.mark.long
def test_an_mlflow_model_is_packaged_with_its_requirements_and_without_mlflow(
    mlflow_model, tmp_path
):
    folder = mlflow_model(SKLEARN)
    needed = f"mlflow<4,>=3\nscikit-learn=={sklearn.__version__}\nPyJWT==2.15.1\n"
    (folder / "requirements.txt").write_text(needed)
    made = package_http(folder.parent, output=tmp_path / "app")
    required = (made.path / "requirements.txt").read_text()
    assert "PyJWT==2.15.1" in required
    assert "mlflow" not in required


@pytest.mark.parametrize("flavours", [SKLEARN, PYFUNC, PYFUNC + SKLEARN])
async def test_an_mlflow_model_is_described_and_served(
    mlflow_model, make_scorer, request_of, flavours, monkeypatch
):
    folder = mlflow_model(flavours)
    assert described(folder) == "model.pkl"
    monkeypatch.setitem(sys.modules, "yaml", None)  # the app does without
    assert (await make_scorer(folder).score(request_of(ROW))).body.startswith(b"[2.")


@pytest.mark.parametrize("flavours", ["  pytorch:\n    model_data: data\n", "  sklearn: {}\n", ""])
def test_an_mlflow_model_of_another_flavour_is_refused(mlflow_model, flavours):
    folder = mlflow_model(flavours)
    with pytest.raises(ModelUnavailable, match="logged/MLmodel names no model file in that folder"):
        models.find_file(folder)


def test_an_mlflow_model_names_no_file_outside_its_folder(mlflow_model, tmp_path):
    shutil.copy(mlflow_model(SKLEARN) / "model.pkl", tmp_path / "other.pkl")
    folder = mlflow_model("  sklearn:\n    pickled_model: ../other.pkl\n")
    with pytest.raises(ModelUnavailable, match="names no model file in that folder"):
        models.find_file(folder)


def test_the_signature_of_an_mlflow_model_names_types_and_what_may_be_missing(mlflow_model):
    read = models.mlflow_folder.read_signature
    columns = read(mlflow_model(SKLEARN, signature=SIGNATURE))
    found = [(each.name, each.type, each.required) for each in columns]
    assert found == [("age", "long", True), ("city", "string", False), ("income", "double", True)]
    (tensor,) = read(mlflow_model(SKLEARN, signature=TENSOR))
    assert (tensor.name, tensor.type, tensor.shape) == (None, "float64", (-1, 3))
    assert read(mlflow_model(SKLEARN)) is None
    with pytest.raises(ModelUnavailable, match="the signature's inputs can't be read"):
        read(mlflow_model(SKLEARN, signature="signature:\n  inputs: '[{}]'\n"))


@pytest.mark.parametrize("code_folder", ["code", "."])
def test_modules_that_mlflow_logged_are_importable(mlflow_model, with_module, code_folder):
    folder = mlflow_model(SKLEARN)
    shutil.copy(with_module / "model.pkl", folder)
    (folder / code_folder).mkdir(exist_ok=True)
    shutil.copy(with_module / "own_steps.py", folder / code_folder)
    assert described(folder) == "model.pkl"
    assert isinstance(models.load(folder / "model.pkl").estimator, type(make_pipeline(Ridge())))


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (["model.json"], "found none: an XGBoost model in model.json is not read, save it with"),
        (["score.py"], "score.py alone is served without a manifest"),
        (["a.joblib", "b.pkl"], "found a.joblib, b.pkl: keep one of them there"),
        (["notes.txt"], "found none: train or copy the model there"),
    ],
)
def test_a_folder_without_one_model_file_is_refused_with_what_to_do(tmp_path, names, says):
    for name in names:
        (tmp_path / name).write_text("{}")
    with pytest.raises(ModelUnavailable, match=says):
        manifest.describe(tmp_path)
