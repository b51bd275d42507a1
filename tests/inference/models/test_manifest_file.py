"""triscore.json and the manifest of the release before; no other file is ever replaced."""

import json

import orjson
import pytest

from deploy import accelerate, manifest, speed
from inference import models
from inference.errors import ModelUnavailable
from inference.models import manifest_file, manifests

ROW = b"[[0.9, 0.9, 0.9]]"

#: As the release before wrote it for the model of the tests; without its digest.
OLD = {
    "file": "model.joblib",
    "framework": "scikit-learn",
    "version": "1.9.1",
    "method": "predict",
    "features": {"kind": "array", "count": 3, "names": None, "types": None, "missing": False},
    "classes": [0, 1],
    "independent": True,
    "trusted": [],
    "golden": {
        "rows": [[0.126, -0.132, 0.64], [0.9, 0.9, 0.9]],
        "predictions": [0, 1],
        "relative": 1e-06,
        "absolute": 1e-09,
    },
    "accelerated": None,
}
#: The beginning of what XGBoost's save_model writes.
OTHERS = {"learner": {"attributes": {}, "feature_names": []}, "version": [3, 4, 1]}


@pytest.fixture
def old_model(model_dir):
    """A folder as the release before left it."""
    (model_dir / manifest_file.NAME).unlink()
    digest = models.digest(model_dir / "model.joblib").hex()
    (model_dir / "model.json").write_text(json.dumps(OLD | {"sha256": digest}))
    return model_dir


async def test_a_model_that_the_release_before_described_is_served(
    old_model, make_scorer, request_of
):
    scorer = make_scorer(old_model)
    assert (await scorer.score(request_of(ROW))).body == b"[1]"
    described = manifest_file.read(old_model)
    assert (described.features.count, described.golden.predictions) == (3, [0, 1])


def test_describing_anew_writes_beside_the_old_manifest_and_comes_first(old_model):
    before = (old_model / "model.json").read_bytes()
    written = manifest_file.write(old_model, manifest.describe(old_model, method="predict_proba"))
    assert (old_model / "model.json").read_bytes() == before
    assert written.name == "triscore.json"
    assert manifest_file.read(old_model).method == "predict_proba"


def test_an_old_manifest_that_cannot_be_read_is_named(old_model):
    (old_model / "model.json").write_text(json.dumps(OLD | {"sha256": "", "method": "fit"}))
    with pytest.raises(ModelUnavailable, match=r"sum/model\.json can't be read: method: "):
        manifest_file.read(old_model)


def test_another_tools_model_json_is_ignored_and_kept(model_dir):
    (model_dir / manifest_file.NAME).unlink()
    (model_dir / "model.json").write_text(json.dumps(OTHERS))
    assert manifest_file.find(model_dir) is None
    assert manifest_file.read(model_dir) is None
    manifest_file.write(model_dir, manifest.describe(model_dir))
    assert json.loads((model_dir / "model.json").read_text()) == OTHERS
    assert manifest_file.read(model_dir).file == "model.joblib"


@pytest.mark.parametrize("number", [1, 3, "2", None])
def test_a_manifest_of_another_format_is_refused_in_one_sentence(model_dir, number):
    file = model_dir / manifest_file.NAME
    file.write_bytes(orjson.dumps(orjson.loads(file.read_bytes()) | {"format": number}))
    expected = f"format: this release reads 2, got {orjson.dumps(number).decode()}. "
    with pytest.raises(ModelUnavailable, match=expected) as caught:
        manifest_file.read(model_dir)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"not JSON", b"[]", b'{"name": "another tool"}'])
def test_a_file_that_is_no_manifest_is_not_replaced(model_dir, content):
    described = manifest_file.read(model_dir)
    file = model_dir / manifest_file.NAME
    file.write_bytes(content)
    with pytest.raises(ModelUnavailable, match=r"triscore\.json is not replaced, because it is no"):
        manifest_file.write(model_dir, described)
    with pytest.raises(ModelUnavailable, match=r"can't be read: .*Move it away"):
        accelerate.accelerate(model_dir)
    assert file.read_bytes() == content
    assert not (model_dir / manifests.ACCELERATED).exists()


def test_accelerate_replaces_its_own_graph_and_no_other(model_dir, monkeypatch):
    monkeypatch.setattr(speed, "measure", lambda *_: speed.Speed({1: 1, 256: 1}, {1: 1, 256: 1}))
    graph = model_dir / manifests.ACCELERATED
    graph.write_bytes(b"\x08\x08\x12\x07pytorch")
    with pytest.raises(ModelUnavailable, match=r"accelerated\.onnx is not replaced, because"):
        accelerate.accelerate(model_dir)
    assert graph.read_bytes() == b"\x08\x08\x12\x07pytorch"
    graph.unlink()
    first = accelerate.accelerate(model_dir)
    manifest_file.write(model_dir, manifest.describe(model_dir))
    assert accelerate.accelerate(model_dir).sha256 == first.sha256
