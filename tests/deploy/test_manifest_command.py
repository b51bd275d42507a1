import json
import subprocess
import sys
from pathlib import Path

import joblib
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from inference.models import manifest_file, manifests
from tests import small_model
from tests.run_python import run_python

ROOT = Path(__file__).resolve().parents[2]


def describe(*arguments: object) -> subprocess.CompletedProcess[str]:
    return run_python("-m", "cli", "describe", *arguments)


def test_the_command_describes_the_only_model_in_a_folder(tmp_path):
    folder = small_model.save(tmp_path)
    (folder / manifest_file.NAME).unlink()
    told = describe(folder, "--method", "predict_proba")
    assert told.returncode == 0, told.stderr
    assert "model.joblib, SHA-256 " in told.stdout
    assert manifest_file.read(folder).method == "predict_proba"


def test_what_a_model_prints_is_no_part_of_the_result(tmp_path):
    (tmp_path / "talkative.py").write_text(
        "class Talkative:\n"
        "    n_features_in_ = 2\n"
        "    def predict(self, rows):\n"
        "        print('predicting')\n"
        "        return rows[:, 0]\n"
    )
    save = "import joblib, talkative; joblib.dump(talkative.Talkative(), 'model.pkl')"
    subprocess.run([sys.executable, "-c", save], cwd=tmp_path, check=True)
    told = describe(tmp_path, "--json")
    assert json.loads(told.stdout)["golden_rows"] > 0
    assert "predicting" in told.stderr


@pytest.fixture
def no_estimator(tmp_path):
    joblib.dump({"not": "an estimator"}, tmp_path / "model.joblib")
    return tmp_path


@pytest.mark.parametrize(
    ("folder", "says"),
    [("nowhere", "is not a folder"), ("tests", "expected one model file")],
)
def test_a_folder_that_can_not_be_described_is_named_and_nothing_is_written(folder, says):
    told = describe(folder)
    assert (told.returncode, told.stderr.count("\n")) == (2, 1)
    assert says in told.stderr
    assert not (ROOT / folder / manifest_file.NAME).exists()


def test_an_object_without_the_method_is_refused(no_estimator):
    told = describe(no_estimator)
    assert (told.returncode, told.stderr.count("\n")) == (2, 1)
    assert told.stderr.startswith("the model, a dict, has no method predict(): save the estimator")
    assert not (no_estimator / manifest_file.NAME).exists()


def test_a_model_that_refuses_drawn_rows_is_described_with_given_rows(tmp_path):
    rows = [[1.0], [2.0], [3.0], [4.0]] * 5
    model = make_pipeline(OneHotEncoder(), LogisticRegression()).fit(rows, [0, 0, 1, 1] * 5)
    joblib.dump(model, tmp_path / "model.joblib")
    told = describe(tmp_path)
    assert (told.returncode, told.stderr.count("\n")) == (2, 1)
    assert "--rows FILE" in told.stderr
    (tmp_path / "golden.csv").write_text("1\n4\n")
    told = describe(tmp_path, "--rows", tmp_path / "golden.csv")
    assert told.returncode == 0, told.stderr
    assert manifest_file.read(tmp_path).golden == manifests.Golden([[1.0], [4.0]], [0, 1])


def test_the_tolerances_of_the_golden_rows_can_be_stated(tmp_path):
    folder = small_model.save(tmp_path)
    told = describe(folder, "--relative", "0.001", "--absolute", "1e-4")
    assert told.returncode == 0, told.stderr
    golden = manifest_file.read(folder).golden
    assert (golden.relative, golden.absolute) == (0.001, 1e-4)
    for wrong in ("-1", "nan", "inf", "much"):
        told = describe(folder, "--relative", wrong)
        assert told.returncode == 2
        assert "--relative" in told.stderr


def test_types_are_trusted_for_skops_files_only(tmp_path):
    told = describe(small_model.save(tmp_path), "--trust", "a.Type")
    assert (told.returncode, told.stderr.count("\n")) == (2, 1)
    assert "model.joblib takes no --trust" in told.stderr


@pytest.mark.long
def test_columns_are_learnt_from_rows_and_options(tmp_path):
    frame = pd.DataFrame({"code": ["01", "02", "NA"] * 4, "x": range(12)})
    encode = make_column_transformer((OneHotEncoder(), ["code"]), ("passthrough", ["x"]))
    model = make_pipeline(encode, LogisticRegression()).fit(frame, [0, 1, 1] * 4)
    joblib.dump(model, tmp_path / "model.joblib")
    rows = tmp_path / "rows.csv"
    rows.write_text(frame.head(3).to_csv(index=False))
    for options, says in (
        ((), "have names (code, x), and their types are not known: give a few rows"),
        (("--rows", rows), "'NA' is a value that the model knows"),
        (("--rows", rows, "--type", "x"), "--type x: expected COLUMN=TYPE with one of the types"),
        (("--rows", rows, "--na", "", "--type", "y=text"), "--type y: expected one of the model's"),
    ):
        told = describe(tmp_path, *options)
        assert (told.returncode, told.stderr.count("\n")) == (2, 1), told.stderr
        assert says in told.stderr
    told = describe(tmp_path, "--rows", rows, "--na", "", "--na", "-", "--type", "x=number")
    assert told.returncode == 0, told.stderr
    features = manifest_file.read(tmp_path).features
    assert features.na == ["", "-"]
    assert [(each["name"], each["type"]) for each in features.columns] == [
        ("code", "text"),
        ("x", "number"),
    ]
