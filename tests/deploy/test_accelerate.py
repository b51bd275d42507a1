"""A model as an ONNX graph: served only if it is proven to answer like the model."""

import json
import sys
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import ExtraTreesClassifier, IsolationForest, RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from deploy import accelerate, conversion, manifest, speed, trial_rows
from inference import models
from inference.errors import ModelUnavailable
from inference.models import linear_models, manifest_file, manifests
from inference.rows import coercion
from tests.run_python import run_python
from tests.small_model import doubled

ROOT = Path(__file__).resolve().parents[2]
RANDOM = np.random.default_rng(0)
ROWS = RANDOM.normal(size=(400, 6))
CLASSES = (ROWS.sum(axis=1) > 0).astype(int) + (ROWS[:, 0] > 1)
SUMS = ROWS.sum(axis=1)
POSITIVE = SUMS > 0
PEOPLE = pd.DataFrame(
    {
        "age": RANDOM.uniform(18, 80, 200),
        "city": RANDOM.choice(["Oslo", "Rome", "Bonn"], 200),
        "member": RANDOM.random(200) > 0.5,
    }
)
TEXTS = ["good, very good", "bad", "not good at all", "fine day", "it's naïve"] * 4


def people(**encoder):
    columns = [("scale", StandardScaler(), ["age"])]
    columns += [(name, OneHotEncoder(**encoder), [name]) for name in ("city", "member")]
    model = make_pipeline(ColumnTransformer(columns), LogisticRegression())
    return model.fit(PEOPLE, (PEOPLE.age > 50).astype(int))


def described(folder, model, method="predict", rows=None):
    joblib.dump(model, folder / "model.joblib")
    file = folder / "rows.json"
    file.write_text(json.dumps(ROWS[:30].tolist() if rows is None else rows))
    manifest_file.write(folder, manifest.describe(folder, method=method, rows_file=file))
    return folder


def forest(trees=25):
    return RandomForestClassifier(trees, random_state=0).fit(ROWS, CLASSES)


def answering(folder):
    """The method of what is served, and what it takes."""
    found = manifest_file.read(folder).effective()
    return models.load_verified(models.find_file(folder, found), found)


@pytest.mark.parametrize(
    ("model", "method"),
    [
        (make_pipeline(StandardScaler(), LogisticRegression()).fit(ROWS, CLASSES), "predict"),
        (LogisticRegression().fit(ROWS, np.array(["no", "may", "yes"])[CLASSES]), "predict"),
        (LogisticRegression().fit(ROWS, CLASSES), "predict_proba"),
        (LogisticRegression().fit(ROWS, CLASSES), "decision_function"),
        (LogisticRegression().fit(ROWS, POSITIVE), "predict"),
        (LogisticRegression().fit(ROWS, POSITIVE), "decision_function"),
        (RandomForestClassifier(25, random_state=0).fit(ROWS, POSITIVE), "predict"),
        (Ridge().fit(ROWS, SUMS), "predict"),
        (StandardScaler().fit(ROWS), "transform"),
        (forest(), "predict"),
        (forest(), "predict_proba"),
        (ExtraTreesClassifier(25, random_state=0).fit(ROWS, CLASSES), "predict"),
        (
            make_pipeline(StandardScaler(), RandomForestClassifier(10, random_state=0)).fit(
                ROWS, CLASSES
            ),
            "predict",
        ),
    ],
)
def test_an_accelerated_model_answers_unseen_rows_alike(tmp_path, monkeypatch, model, method):
    # What is served of a linear model alone is as fast as a graph, or faster.
    monkeypatch.setattr(speed, "measure", lambda *_: speed.Speed({1: 1, 256: 1}, {1: 1, 256: 1}))
    described(tmp_path, model, method)
    graph = accelerate.accelerate(tmp_path)
    assert graph.rows > 2_000
    unseen = np.random.default_rng(7).normal(size=(500, 6)) * 2
    told, direct = answering(tmp_path).answer(unseen), getattr(model, method)(unseen)
    assert told.shape == direct.shape
    if direct.dtype.kind == "f":
        assert np.abs(told - direct).max() < 1e-6
    else:
        assert json.dumps(told.tolist()) == json.dumps(direct.tolist())  # True is not 1


def test_labels_beside_probabilities_are_booleans_where_training_had_booleans(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(speed, "measure", lambda *_: speed.Speed({1: 1, 256: 1}, {1: 1, 256: 1}))
    model = LogisticRegression().fit(ROWS, POSITIVE)
    accelerate.accelerate(described(tmp_path, model, "predict_proba"))
    served = answering(tmp_path)
    assert served.probabilities.labels(ROWS[:9]).tolist() == POSITIVE[:9].tolist()
    assert served.probabilities.labels(ROWS[:9]).dtype == bool


def test_a_frame_is_converted_column_by_column(tmp_path):
    model = people(handle_unknown="ignore")
    described(tmp_path, model, "predict_proba", PEOPLE.head(30).to_dict(orient="records"))
    accelerate.accelerate(tmp_path)
    rows = [[40.0, "Rome", True], [40.0, "nowhere", False], [40.0, "Rome", None]]
    served = answering(tmp_path)
    values = coercion.coerce_rows(rows, served.schema, text=False).require_valid()
    direct = model.predict_proba(pd.DataFrame(rows, columns=["age", "city", "member"]))
    assert np.allclose(served.answer(values), direct, rtol=1e-9)


def test_trees_would_answer_differently_without_the_corrections(tmp_path, monkeypatch):
    described(tmp_path, forest())
    monkeypatch.setattr(conversion, "_exact_trees", lambda model, _: model.SerializeToString())
    before = sorted(tmp_path.iterdir())
    with pytest.raises(ModelUnavailable, match=r"as float64, \d+ of 8060 rows have other"):
        accelerate.accelerate(tmp_path)
    assert sorted(tmp_path.iterdir()) == before
    assert manifest_file.read(tmp_path).accelerated is None


def test_thresholds_are_met_from_both_sides_also_behind_a_scaler():
    scaled = make_pipeline(StandardScaler(), RandomForestClassifier(3, random_state=0))
    for model in (forest(3), scaled.fit(ROWS, CLASSES)):
        schema = manifests.Features(count=6, missing=False).schema()
        rows = trial_rows.draw(ROWS[:30], schema, model)
        inner = rows if model is not scaled else scaled[0].transform(rows)
        trees = (model if model is not scaled else scaled[1]).estimators_
        for tree in (each.tree_ for each in trees):
            for feature, threshold in zip(tree.feature, tree.threshold, strict=True):
                cells = inner[:, feature]
                near = np.abs(cells - threshold) <= 1e-6 * max(1.0, abs(threshold))
                assert feature < 0 or ((cells[near] <= threshold).any() and near.sum() > 1)


@pytest.mark.parametrize(
    ("model", "method", "rows", "says"),
    [
        (IsolationForest(n_estimators=5).fit(ROWS), "predict", None, "rows have other answers"),
        (
            make_pipeline(FunctionTransformer(doubled), Ridge()).fit(ROWS, SUMS),
            "predict",
            None,
            "as float64, RuntimeError: FunctionTransformer is not supported",
        ),
        (
            make_pipeline(TfidfVectorizer(lowercase=False), LogisticRegression()).fit(
                TEXTS, [1, 0, 0, 1, 0] * 4
            ),
            "predict_proba",
            TEXTS,
            "of 2020 rows have answers whose numbers differ by up to",
        ),
    ],
)
def test_a_model_that_does_not_answer_alike_is_refused_with_the_reason(
    tmp_path, model, method, rows, says
):
    described(tmp_path, model, method, rows)
    before = {file: file.read_bytes() for file in tmp_path.iterdir()}
    with pytest.raises(ModelUnavailable) as caught:
        accelerate.accelerate(tmp_path)
    assert says in str(caught.value)
    assert "model.joblib is unchanged" in str(caught.value)
    assert {file: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_the_tolerances_can_be_stated(tmp_path):
    described(tmp_path, LogisticRegression().fit(ROWS, CLASSES), "predict_proba")
    with pytest.raises(ModelUnavailable, match=r"differ by up to .*--absolute and --relative"):
        accelerate.accelerate(tmp_path, relative=0.0, absolute=0.0)
    graph = accelerate.accelerate(tmp_path, relative=0.0, absolute=1e-12)
    assert 0 < graph.largest_difference < graph.absolute == 1e-12
    assert manifest_file.read(tmp_path).effective().golden.absolute == 1e-12


def test_an_accelerated_model_is_another_model(tmp_path):
    described(tmp_path, forest())
    graph = accelerate.accelerate(tmp_path)
    found = manifest_file.read(tmp_path)
    assert found.effective().sha256 == graph.sha256 != found.sha256
    assert (found.effective().framework, found.effective().independent) == (
        "onnx",
        graph.independent,
    )
    file = models.find_file(tmp_path, found.effective())
    pinned = models.verify_digest(file, found.effective(), allow_unpinned=False)
    assert pinned.hex() == graph.sha256
    # Describing it anew takes that back: what was proven was proven of what was described.
    manifest_file.write(tmp_path, manifest.describe(tmp_path))
    assert manifest_file.read(tmp_path).effective().file == "model.joblib"


def test_a_tampered_or_missing_graph_is_refused(tmp_path):
    described(tmp_path, forest())
    accelerate.accelerate(tmp_path)
    served = manifest_file.read(tmp_path).effective()
    file = models.find_file(tmp_path, served)
    file.write_bytes(file.read_bytes() + b"\0")
    with pytest.raises(ModelUnavailable, match=r"accelerated\.onnx is another file than"):
        models.verify_digest(file, served, allow_unpinned=True)
    file.unlink()
    with pytest.raises(ModelUnavailable, match=r"accelerated\.onnx, which is not there"):
        models.find_file(tmp_path, served)


def test_a_tampered_model_is_not_accelerated(tmp_path):
    described(tmp_path, forest(3))
    joblib.dump(forest(4), tmp_path / "model.joblib")
    with pytest.raises(ModelUnavailable, match="is another file than the one that"):
        accelerate.accelerate(tmp_path)


def test_without_the_converter_the_command_says_what_to_install(tmp_path, monkeypatch):
    described(tmp_path, forest(3))
    monkeypatch.setitem(sys.modules, "skl2onnx.common", None)
    with pytest.raises(ModelUnavailable, match=r"not installed: pip install skl2onnx onnxruntime"):
        accelerate.accelerate(tmp_path)


def deploy(*arguments):
    return run_python("-m", "cli", *arguments)


SCORES = """
import asyncio, sys
from pathlib import Path
from cache import keys
from cache.memory_cache import MemoryCache
from inference.request import Request
from inference.serving.scorer import Scorer
from inference.settings import InferenceSettings

async def main():
    settings = InferenceSettings.from_env({"AZUREML_MODEL_DIR": sys.argv[1]}, root=Path("/"))
    scorer = Scorer(settings, MemoryCache(), keys)
    body = b"[[0.3, 0.2, 0.1, 0, -0.1, 0.9], [-1, -1, -1, -1, -1, -1]]"
    answer = await scorer.score(Request(id="id", source="http", body=body, content_type=""))
    await scorer.close()
    heavy = {"sklearn", "joblib", "scipy", "pandas", "onnx", "skl2onnx"}
    print(answer.body.decode(), scorer.model.version, sorted(heavy & set(sys.modules)))

asyncio.run(main())
"""


@pytest.mark.long
def test_after_the_command_the_app_answers_without_importing_scikit_learn(tmp_path):
    model = forest()
    described(tmp_path, model)
    told = deploy("accelerate", tmp_path)
    assert told.returncode == 0, told.stderr
    assert "float64, answers 8060 rows as the model does" in told.stdout
    (tmp_path / "model.joblib").unlink()  # not even the file is needed any more
    scored = run_python("-c", SCORES, tmp_path, check=True)
    direct = model.predict([[0.3, 0.2, 0.1, 0, -0.1, 0.9], [-1] * 6]).tolist()
    version = manifest_file.read(tmp_path).accelerated.sha256[:12]
    answer = json.dumps(direct, separators=(",", ":"))
    assert scored.stdout.strip() == f"{answer} {version} []"


@pytest.mark.parametrize(
    ("undescribed", "says"), [(True, "with golden rows"), (False, "is unchanged")]
)
def test_a_refusal_is_one_sentence_and_exit_code_2(tmp_path, undescribed, says):
    described(tmp_path, make_pipeline(FunctionTransformer(doubled), Ridge()).fit(ROWS, SUMS))
    if undescribed:
        (tmp_path / manifest_file.NAME).unlink()
    told = deploy("accelerate", tmp_path)
    assert (told.returncode, told.stderr.count("\n")) == (2, 1), told.stderr
    assert says in told.stderr
    assert not (tmp_path / manifests.ACCELERATED).exists()


def test_a_conversion_that_is_slower_is_not_served(tmp_path):
    model = KNeighborsClassifier().fit(RANDOM.normal(size=(300, 64)), np.arange(300) % 10)
    rows = RANDOM.normal(size=(20, 64)).tolist()
    folder = described(tmp_path, model, rows=rows)
    before = (folder / "triscore.json").read_bytes()
    says = (
        r"is unchanged and answers.* it is slower: 1 row .*"
        r"256 rows [\d.]+ [mu]s instead of [\d.]+ [mu]s"
    )
    with pytest.raises(ModelUnavailable, match=says):
        accelerate.accelerate(folder)
    assert not (folder / manifests.ACCELERATED).exists()
    assert (folder / "triscore.json").read_bytes() == before


def test_a_slower_conversion_of_an_earlier_release_is_no_longer_served(tmp_path, monkeypatch):
    folder = described(tmp_path, forest())
    accelerate.accelerate(folder)
    slower = speed.Speed({1: 1, 256: 1}, {1: 0.5, 256: 1.1})
    monkeypatch.setattr(speed, "measure", lambda *_: slower)
    with pytest.raises(ModelUnavailable, match=r"256 rows 1100\.00 ms instead of 1000\.00 ms"):
        accelerate.accelerate(folder)
    assert manifest_file.read(folder).accelerated is None
    assert not (folder / manifests.ACCELERATED).exists()


def test_a_conversion_is_compared_with_what_would_be_served(tmp_path, monkeypatch):
    folder = described(tmp_path, LogisticRegression().fit(ROWS, CLASSES))
    monkeypatch.setattr(
        linear_models, "predict_function", lambda *_: lambda rows: np.full(len(rows), 9)
    )
    with pytest.raises(ModelUnavailable) as raised:
        accelerate.accelerate(folder)
    assert "slower" not in str(raised.value)


def test_both_are_called_in_turns_with_one_row_and_with_many():
    calls = []
    found = speed.measure(
        lambda rows: calls.append(("model", len(rows))),
        lambda rows: calls.append(("converted", len(rows))),
        ROWS[:3],
    )
    assert calls[:4] == [("model", 1), ("converted", 1)] * 2
    assert set(calls) == {(who, size) for who in ("model", "converted") for size in speed.SIZES}
    assert found.model.keys() == found.converted.keys() == set(speed.SIZES)
