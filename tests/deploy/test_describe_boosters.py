"""Boosted models with categories are described, and answer as they do on the frame."""

import gzip
import lzma
import zlib
from importlib.metadata import version

import joblib
import lightgbm
import numpy as np
import pandas as pd
import pytest
import xgboost

from deploy import manifest
from inference.models import manifest_file
from tests.deploy.described import answers, columns, describe, load, plain

CITIES = pd.DataFrame(
    {
        "city": pd.Categorical([3, 1, 2, 4] * 25, [4, 3, 2, 1]),
        "kind": pd.Categorical(["b", "a"] * 50),
        "rooms": [1, 2, 3, 4] * 25,
        "share": [0.25, 0.5, 0.75, 1.0] * 25,
        "old": [True, False] * 50,
    }
)
PRICES = [30, 10, 20, 40] * 25
#: As CSV has them: the types are gone.
CSV = CITIES.head(4).to_csv(index=False)


def trained_xgboost():
    return xgboost.XGBRegressor(tree_method="hist", enable_categorical=True, n_estimators=20)


def trained_lightgbm():
    return lightgbm.LGBMRegressor(n_estimators=20, min_child_samples=2, verbose=-1)


@pytest.mark.parametrize("make", [trained_xgboost, trained_lightgbm])
def test_categories_of_numbers_and_texts_are_learnt_from_the_booster(tmp_path, make):
    model = make().fit(CITIES, PRICES)
    folder = describe(tmp_path, model, CSV)
    found = columns(folder)
    assert found["city"].categories == (4, 3, 2, 1)
    assert found["kind"].categories == ("a", "b")
    assert [each.type for each in found.values()] == [
        *("category", "category", "integer", "number", "boolean")
    ]
    direct = plain(model.predict(CITIES.head(4)))
    assert answers(load(folder), CSV) == direct
    records = CITIES.head(4).astype({"city": int, "kind": str}).to_json(orient="records")
    assert answers(load(folder), records, "application/json") == direct


@pytest.mark.long  # CatBoost is installed for the long tests only
def test_categories_of_catboost_are_texts(tmp_path):
    import catboost

    frame = CITIES.astype({"city": int, "kind": str})
    quiet = {"verbose": 0, "allow_writing_files": False, "iterations": 10}
    model = catboost.CatBoostRegressor(cat_features=["city", "kind"], **quiet).fit(frame, PRICES)
    folder = describe(tmp_path, model, CSV)
    assert [each.type for each in columns(folder).values()] == [
        *("integer", "text", "integer", "number", "boolean")
    ]
    assert answers(load(folder), CSV) == pytest.approx(model.predict(frame.head(4)).tolist())


@pytest.mark.long
def test_a_booster_that_does_not_know_its_width_takes_rows(tmp_path):
    import catboost

    quiet = {"verbose": 0, "allow_writing_files": False, "iterations": 3}
    rows = CITIES[["rooms", "share"]].to_numpy()
    model = catboost.CatBoostRegressor(**quiet).fit(rows, PRICES)
    with pytest.raises(Exception, match="the width is not known: give --rows"):
        describe(tmp_path, model)
    served = load(describe(tmp_path, model, "1,0.25\n2,0.5\n"))
    assert answers(served, "[[1, 0.25]]", "application/json") == plain(model.predict(rows[:1]))


# XGBoost tells of another version in its log.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("ending", [".pkl", ".joblib.gz", ".joblib.z", ".joblib.xz"])
def test_the_version_of_xgboost_is_the_one_in_the_pickle(tmp_path, ending):
    model = xgboost.XGBRegressor(n_estimators=2).fit(np.eye(4), np.arange(4))
    file = tmp_path / f"model{ending}"
    joblib.dump(model, tmp_path / "plain")
    installed = version("xgboost-cpu")
    numbers = b"".join(b"i" + bytes([int(part)]) for part in installed.split("."))
    content = (tmp_path / "plain").read_bytes()
    assert numbers in content
    packed = {".gz": gzip.compress, ".z": zlib.compress, ".xz": lzma.compress}
    file.write_bytes(
        packed.get(file.suffix, bytes)(content.replace(numbers, numbers[:-1] + b"\x63"))
    )
    (tmp_path / "plain").unlink()
    described = manifest.describe(tmp_path)
    assert described.version == installed.rpartition(".")[0] + ".99"
    assert described.versions[described.distribution] == installed


@pytest.mark.long
def test_the_version_of_catboost_is_the_one_in_the_model(tmp_path):
    import catboost

    model = catboost.CatBoostRegressor(iterations=2, verbose=0, allow_writing_files=False)
    joblib.dump(model.fit(np.eye(4), np.arange(4)), tmp_path / "model.pkl")
    file = tmp_path / "model.pkl"
    file.write_bytes(file.read_bytes().replace(version("catboost").encode(), b"1.0.99"))
    np.save(tmp_path / "rows.npy", np.eye(4))
    described = manifest.describe(tmp_path, rows_file=tmp_path / "rows.npy")
    assert described.version == "1.0.99"


def test_a_bare_booster_of_lightgbm_names_its_columns(tmp_path):
    rows = pd.DataFrame(np.random.default_rng(0).normal(size=(60, 3)), columns=["a", "b", "c"])
    booster = lightgbm.train({"verbose": -1}, lightgbm.Dataset(rows, rows.a), 5)
    joblib.dump(booster, tmp_path / "model.pkl")
    rows.head(3).to_csv(tmp_path / "rows.csv", index=False)
    found = manifest.describe(tmp_path, rows_file=tmp_path / "rows.csv")
    assert found.features.names == ["a", "b", "c"]
    turned = rows.head(2)[["c", "b", "a"]].to_csv(index=False)
    for described in (
        found,
        manifest.describe(tmp_path),
        manifest.describe(tmp_path, training=rows[["b", "a", "c"]]),
    ):
        manifest_file.write(tmp_path, described)
        assert answers(load(tmp_path), turned) == booster.predict(rows.head(2)).tolist()
