import logging
import pickle

import joblib
import numpy as np
import orjson
import pytest
from sklearn.linear_model import LinearRegression

from deploy import manifest, sample
from inference import models
from inference.errors import ModelUnavailable
from inference.models import golden_rows, manifest_file

ROW = b"[[0.9, 0.9, 0.9]]"


class Hostile:
    """A pickle that runs code while it is read."""

    def __init__(self, mark) -> None:
        self.mark = mark

    def __reduce__(self):
        return (open, (str(self.mark), "w"))


async def refusal(scorer, request_of) -> str:
    with pytest.raises(ModelUnavailable) as caught:
        await scorer.score(request_of(ROW))
    assert (await scorer.health()).model == "failed"
    return str(caught.value)


async def test_a_tampered_model_is_refused_before_it_is_loaded(
    model_dir, make_scorer, request_of, tmp_path
):
    mark = tmp_path / "executed"
    (model_dir / "model.joblib").write_bytes(pickle.dumps(Hostile(mark)))
    said = await refusal(make_scorer(model_dir), request_of)
    assert "model.joblib is another file than the one that its manifest describes" in said
    assert "triscore describe" in said
    assert not mark.exists()


async def test_a_model_without_a_manifest_is_refused_before_it_is_loaded(
    tmp_path, make_scorer, request_of
):
    mark = tmp_path / "executed"
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.pkl").write_bytes(pickle.dumps(Hostile(mark)))
    said = await refusal(make_scorer(folder), request_of)
    assert "has no triscore.json beside it" in said
    assert "ALLOW_UNPINNED_MODEL=true" in said
    assert not mark.exists()


async def test_an_unpinned_model_loads_if_the_setting_allows_it(model_dir, make_scorer, request_of):
    (model_dir / manifest_file.NAME).unlink()
    scorer = make_scorer(model_dir, ALLOW_UNPINNED_MODEL="true")
    assert (await scorer.score(request_of(ROW))).body == b"[1]"


async def test_the_manifest_says_which_file_and_which_method_answer(
    model_dir, make_scorer, request_of
):
    manifest_file.write(model_dir, manifest.describe(model_dir, method="predict_proba"))
    (model_dir / "older.joblib").write_bytes(b"")
    answer = await make_scorer(model_dir).score(request_of(ROW))
    direct = joblib.load(model_dir / "model.joblib").predict_proba([[0.9, 0.9, 0.9]])
    assert orjson.loads(answer.body) == direct.tolist()


def changed(folder, **values):
    document = orjson.loads((folder / manifest_file.NAME).read_bytes())
    (folder / manifest_file.NAME).write_bytes(orjson.dumps(document | values))


async def test_a_model_that_answers_its_golden_rows_differently_is_refused(
    model_dir, make_scorer, request_of
):
    changed(model_dir, golden={"rows": [[0.9, 0.9, 0.9]], "predictions": [0]}, version="0.1")
    said = await refusal(make_scorer(model_dir), request_of)
    assert "made with scikit-learn 0.1, answers its golden rows differently" in said


async def test_another_version_whose_golden_rows_agree_is_served_with_a_warning(
    model_dir, make_scorer, request_of, caplog
):
    changed(model_dir, version="0.1")
    with caplog.at_level(logging.WARNING):
        assert (await make_scorer(model_dir).score(request_of(ROW))).body == b"[1]"
    assert "made with scikit-learn 0.1 and is served with version" in caplog.text


async def test_golden_rows_that_do_not_fit_the_model_are_refused(
    model_dir, make_scorer, request_of
):
    changed(model_dir, golden={"rows": [[1, 2]], "predictions": [0]})
    said = await refusal(make_scorer(model_dir), request_of)
    assert "the golden rows of model.joblib do not fit the model: " in said


def manifest_of(**values) -> bytes:
    known = {"format": 2, "file": "m", "sha256": "", "framework": "", "version": ""}
    return orjson.dumps(known | values)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"{", "triscore.json can't be read: unexpected end of data"),
        (
            b'{"format": 2, "file": "m.joblib"}',
            "the document lacks fields: framework, sha256, version",
        ),
        (b"[]", "the document is not a JSON object"),
        (manifest_of(size=1), "the document has unknown fields: size"),
        (manifest_of(golden=[1]), "golden is not a JSON object"),
        (manifest_of(features={"kind": "array", "types": 5}), "a field has a value of another"),
        (manifest_of(file="../m"), "file: expected a file in the manifest's folder, got ../m"),
        (manifest_of(method="fit"), "transform, got fit. Write it again with `triscore describe "),
        (manifest_of(features={"kind": "map"}), "features.kind: expected one of array, frame, te"),
        (manifest_of(features={"types": ["map"]}), "text, category, date, got map"),
        (
            manifest_of(features={"kind": "frame", "names": ["a"]}),
            "got 1 names and 0 types",
        ),
        (manifest_of(accelerated={"file": "a"}), "accelerated lacks fields: absolute, independent"),
    ],
)
async def test_an_invalid_manifest_is_refused_with_the_field_and_what_is_expected(
    model_dir, make_scorer, request_of, text, says
):
    (model_dir / manifest_file.NAME).write_bytes(text)
    assert says in await refusal(make_scorer(model_dir), request_of)


def test_a_manifest_survives_writing_and_reading(model_dir):
    described = manifest.describe(model_dir)
    manifest_file.write(model_dir, described)
    again = manifest_file.read(model_dir)
    assert again == described
    assert again.sha256 == models.digest(model_dir / "model.joblib").hex()
    assert (again.features.count, again.classes) == (3, [0, 1])
    assert len(again.golden.rows) == len(again.golden.predictions) == sample.DRAWN_ROWS


def test_numbers_agree_within_the_tolerances_and_labels_exactly(tmp_path):
    rows = np.random.default_rng(0).random((20, 2))
    told = LinearRegression().fit(rows, rows.sum(axis=1)).predict(rows)
    exact = {"relative": 1e-6, "absolute": 1e-9}
    assert golden_rows.agree(told.tolist(), (told * (1 + 1e-9)).tolist(), **exact)
    assert not golden_rows.agree(told.tolist(), (told * 1.001).tolist(), **exact)
    assert golden_rows.agree(told.tolist(), (told * 1.001).tolist(), relative=0.01, absolute=0)
    assert golden_rows.agree([[0.5, None], [1e-12]], [[0.5, None], [0.0]], **exact)
    for one, other in (
        (["a", "b"], ["a", "c"]),
        ([1, 2], [[1, 2]]),
        ([1, 2], [1]),
        ([1], [1.0]),
        ([1], [True]),
        ([0.5], [None]),
    ):
        assert not golden_rows.agree(one, other, **exact)
