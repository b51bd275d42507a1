"""Models of XGBoost, LightGBM and CatBoost: estimators, bare boosters, their own files."""

import importlib.metadata
import json

import joblib
import lightgbm
import numpy as np
import pandas as pd
import pytest
import xgboost

from cli.app import main
from deploy import manifest
from inference.errors import ModelUnavailable
from inference.models import manifest_file

GENERATOR = np.random.default_rng(0)
ROWS = GENERATOR.random((60, 3)).round(3)
TARGET = ROWS.sum(axis=1)
CLASSES = (TARGET > 1.5).astype(int) + (TARGET > 2)

ESTIMATORS = {
    "XGBClassifier": lambda: xgboost.XGBClassifier(n_estimators=3).fit(ROWS, CLASSES),
    "XGBRegressor": lambda: xgboost.XGBRegressor(n_estimators=3).fit(ROWS, TARGET),
    "LGBMClassifier": lambda: lightgbm.LGBMClassifier(n_estimators=3, verbose=-1).fit(
        ROWS, CLASSES
    ),
    "LGBMRegressor": lambda: lightgbm.LGBMRegressor(n_estimators=3, verbose=-1).fit(ROWS, TARGET),
    "lightgbm.Booster": lambda: lightgbm.train(
        {"verbose": -1}, lightgbm.Dataset(ROWS, TARGET), num_boost_round=3
    ),
}


async def served(make_scorer, request_of, folder, rows=ROWS[:8]):
    answer = await make_scorer(folder).score(request_of(json.dumps(rows.tolist()).encode()))
    return np.array(json.loads(answer.body))


@pytest.mark.parametrize("name", ESTIMATORS)
async def test_an_estimator_of_another_library_is_served(tmp_path, make_scorer, request_of, name):
    estimator = ESTIMATORS[name]()
    joblib.dump(estimator, tmp_path / "model.joblib")
    described = manifest.describe(tmp_path)
    manifest_file.write(tmp_path, described)
    package = type(estimator).__module__.partition(".")[0]
    assert described.framework == package
    assert described.features.count == 3
    (distribution,) = set(importlib.metadata.packages_distributions()[package])
    assert described.versions[distribution] == described.version
    answers = await served(make_scorer, request_of, tmp_path)
    np.testing.assert_allclose(answers, estimator.predict(ROWS[:8]), rtol=1e-6)


@pytest.mark.parametrize("name", ["XGBClassifier", "XGBRegressor"])
@pytest.mark.parametrize("bare", [False, True])
async def test_a_file_of_xgboost_is_served(tmp_path, make_scorer, request_of, name, bare):
    estimator = ESTIMATORS[name]()
    saved = estimator.get_booster() if bare else estimator
    if bare:
        saved.set_attr(scikit_learn=None)
    saved.save_model(tmp_path / "model.ubj")
    described = manifest.describe(tmp_path)
    manifest_file.write(tmp_path, described)
    assert described.framework == "xgboost"
    answers = await served(make_scorer, request_of, tmp_path)
    np.testing.assert_allclose(answers, estimator.predict(ROWS[:8]), rtol=1e-6)


def refused(folder, estimator, capsys) -> str:
    joblib.dump(estimator, folder / "model.joblib")
    assert main(["describe", str(folder)]) == 2
    said: list[str] = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    return said[0]


def test_a_booster_that_takes_no_arrays_is_refused(tmp_path, capsys):
    booster = ESTIMATORS["XGBRegressor"]().get_booster()
    assert "xgboost.Booster, which takes no arrays: save an" in refused(tmp_path, booster, capsys)


def test_a_booster_with_categories_is_refused(tmp_path, capsys):
    frame = pd.DataFrame({"city": pd.Categorical(["ulm", "bonn"] * 30), "x": ROWS[:, 0]})
    parameters = {"verbose": -1, "min_data_per_group": 1}
    booster = lightgbm.train(parameters, lightgbm.Dataset(frame, TARGET), num_boost_round=1)
    assert "with categories of pandas" in refused(tmp_path, booster, capsys)


class Plain:
    """Predicts, and says nothing of what it takes; as models of NGBoost and statsmodels do."""

    def predict(self, rows):
        return np.asarray(rows).sum(axis=1)


@pytest.mark.parametrize(
    ("loaded", "says"),
    [
        ({"model": Plain()}, "the model, a dict, has no method predict(): save the estimator by"),
        ([1, 2], "the model, a list, has no method predict(): save"),
        (pd.DataFrame({"a": [1]}), "the model, a DataFrame, has no method predict()"),
        (Plain(), "the width is not known: give --rows"),
    ],
)
def test_what_is_no_model_is_refused_in_one_sentence(tmp_path, capsys, loaded, says):
    assert refused(tmp_path, loaded, capsys).startswith(says)


def test_a_model_without_the_method_names_those_it_has(tmp_path):
    from sklearn.preprocessing import StandardScaler

    joblib.dump(StandardScaler().fit(ROWS), tmp_path / "model.pkl")
    with pytest.raises(ModelUnavailable, match="describe it with --method transform"):
        manifest.describe(tmp_path)


async def test_rows_tell_the_width_of_a_model_that_does_not(tmp_path, make_scorer, request_of):
    joblib.dump(Plain(), tmp_path / "model.joblib")
    np.savetxt(tmp_path / "rows.csv", ROWS[:5], delimiter=",")
    described = manifest.describe(tmp_path, rows_file=tmp_path / "rows.csv")
    manifest_file.write(tmp_path, described)
    assert len(described.golden.rows) == 5
    answers = await served(make_scorer, request_of, tmp_path)
    np.testing.assert_allclose(answers, ROWS[:8].sum(axis=1))


@pytest.mark.long
@pytest.mark.parametrize("classifies", [False, True])
async def test_a_model_of_catboost_is_served(tmp_path, make_scorer, request_of, classifies, capsys):
    import catboost

    kind = catboost.CatBoostClassifier if classifies else catboost.CatBoostRegressor
    estimator = kind(iterations=3, verbose=0, allow_writing_files=False)
    estimator.fit(ROWS, CLASSES % 2 if classifies else TARGET)
    assert "the width is not known: give --rows" in refused(tmp_path, estimator, capsys)
    estimator.save_model(str(tmp_path / "model.cbm"))
    for file, other in (("model.joblib", "model.cbm"), ("model.cbm", "model.joblib")):
        hidden = tmp_path / f"{other}.away"
        (tmp_path / other).rename(hidden)
        np.savetxt(tmp_path / "rows.csv", ROWS[:5], delimiter=",")
        described = manifest.describe(tmp_path, rows_file=tmp_path / "rows.csv")
        manifest_file.write(tmp_path, described)
        assert (described.file, described.framework) == (file, "catboost")
        assert described.version == catboost.__version__
        answers = await served(make_scorer, request_of, tmp_path)
        np.testing.assert_allclose(answers, estimator.predict(ROWS[:8]), rtol=1e-6)
        hidden.rename(tmp_path / other)
