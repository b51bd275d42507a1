"""What a model file may hold besides a plain estimator: served, or refused in one sentence."""

import json
import sys
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import DBSCAN
from sklearn.compose import make_column_transformer
from sklearn.ensemble import VotingClassifier
from sklearn.feature_extraction import DictVectorizer
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import LocalOutlierFactor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import deploy
from deploy import manifest
from deploy.columns import text_rows
from inference.errors import ScoringError
from inference.models import manifest_file
from inference.models.answers import encode_by_row
from inference.rows.formats import json_codec
from tests.deploy.described import answers, columns, describe, load

ROWS = np.random.default_rng(0).normal(size=(30, 3))
SIGNS = (ROWS[:, 0] > 0).astype(int)
RIDGE = Ridge().fit(ROWS, ROWS.sum(axis=1))
TEXTS = ["good, nice", "bad", "not good", "a fine day"] * 5
MOODS = [1, 0, 0, 1] * 5
PEOPLE = pd.DataFrame({"age": [20.0, 30.0, 40.0, 50.0] * 5, "city": ["Ulm", "Bonn"] * 10})


def of_texts() -> Any:
    return make_pipeline(TfidfVectorizer(), LogisticRegression())


class Bare:
    """Says nothing of its columns, and takes a DataFrame."""

    def predict(self, frame: Any) -> Any:
        return frame["age"] * 2 + (frame["city"] == "Ulm")


class Arithmetic(Bare):
    """Answers a gap with NaN."""

    def predict(self, frame: Any) -> Any:
        return frame["age"] * 2


class Answering(Bare):
    """Returns what it was made with."""

    n_features_in_ = 3

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def predict(self, rows: Any) -> Any:
        return self.answer


@pytest.mark.parametrize(
    ("held", "method", "says"),
    [
        ({"model": RIDGE}, "predict", "a dict, has no method predict(): save the estimator by its"),
        ((RIDGE, None), "predict", "a tuple, has no method"),
        (np.array([RIDGE]), "predict", "ndarray, has no method"),
        (PEOPLE, "transform", "a DataFrame, has no method transform(): save the estimator by"),
        (np.mean, "predict", "has no method predict(): save the estimator by itself, fitted"),
        (Ridge, "predict", "the model is the class Ridge: save a fitted instance of it"),
        (Ridge(), "predict", "the model is not fitted: call its fit() before you save it"),
        (make_pipeline(StandardScaler(), Ridge()), "predict", "the model is not fitted"),
        (DBSCAN().fit(ROWS), "predict", "it answers only the rows that it was fitted on"),
        (LocalOutlierFactor().fit(ROWS), "predict", "Use novelty=True"),
        (GridSearchCV(Ridge(), {"alpha": [1]}, refit=False).fit(ROWS, SIGNS), "predict", "refit"),
        (StandardScaler().fit(ROWS), "predict", "describe it with --method transform"),
    ],
)
def test_an_object_that_can_not_answer_is_refused_in_one_sentence(tmp_path, held, method, says):
    joblib.dump(held, tmp_path / "model.joblib")
    with pytest.raises(ScoringError) as refused:
        manifest.describe(tmp_path, method=method)
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "model",
    [
        GridSearchCV(of_texts(), {"logisticregression__C": [1.0]}, cv=2),
        CalibratedClassifierCV(of_texts(), cv=2),
        VotingClassifier([("a", of_texts()), ("b", of_texts())]),
    ],
)
def test_a_model_of_texts_in_another_estimator_takes_texts(tmp_path, model):
    served = load(describe(tmp_path, model.fit(TEXTS, MOODS)))
    assert served.schema.kind == "texts"
    assert answers(served, "text\nbad\n") == model.predict(["bad"]).tolist()


def test_a_model_of_texts_without_rows_has_plain_texts_as_golden_rows(tmp_path):
    model = of_texts().fit(TEXTS, MOODS)
    described = manifest_file.read(describe(tmp_path, model))
    golden = described.golden
    assert [text for (text,) in golden.rows] == [*text_rows.PLAIN]
    assert golden.predictions == model.predict(text_rows.PLAIN).tolist()


def test_a_model_of_texts_that_plain_ones_are_not_has_no_golden_rows(tmp_path):
    vectorizer = CountVectorizer(preprocessor=json.loads)
    model = make_pipeline(vectorizer, Ridge()).fit(['"good"', '"bad"'], [1, 0])
    described = manifest_file.read(describe(tmp_path, model))
    assert (described.features.kind, described.golden.rows) == ("texts", [])


def test_the_values_of_an_encoder_in_a_search_are_known(tmp_path):
    encode = make_column_transformer(
        (make_pipeline("passthrough", OneHotEncoder()), ["city"]), remainder="passthrough"
    )
    search = GridSearchCV(make_pipeline(encode, Ridge()), {"ridge__alpha": [1.0]}, cv=2)
    rows = pd.DataFrame({"age": PEOPLE.age, "city": ["0042", "7"] * 10})
    folder = describe(tmp_path, search.fit(rows, range(20)), "age,city\n20,0042\n30,7\n")
    assert columns(folder)["city"].type == "text"


def test_a_model_that_names_no_columns_gets_the_named_rows_that_it_takes(tmp_path):
    folder = describe(tmp_path, Bare(), "age,city\n20,Ulm\n30,Bonn\n")
    assert answers(load(folder), "city,age\nBonn,4\n") == [8]
    deploy.describe(Bare(), PEOPLE, tmp_path / "notebook")
    assert answers(load(tmp_path / "notebook"), "city,age\nUlm,4\n") == [9]


def test_a_gap_that_arithmetic_goes_through_is_not_an_answer(tmp_path):
    folder = describe(tmp_path, Arithmetic(), "age,city\n20,Ulm\n30,Bonn\n")
    assert not columns(folder)["age"].missing


@pytest.mark.filterwarnings("ignore:X has feature names")
def test_rows_with_texts_for_a_model_of_arrays_are_read_by_their_names(tmp_path):
    cities = np.array([["Ulm"], ["Bonn"]], object)
    rows = tmp_path / "rows.parquet"
    PEOPLE[["city"]].to_parquet(rows)
    folder = describe(tmp_path, OneHotEncoder().fit(cities), rows, method="transform")
    assert answers(load(folder), "city\nUlm\n") == [[0.0, 1.0]]


def test_a_model_of_dicts_is_refused_whatever_rows_are_given(tmp_path):
    dicts = [{"city": "Ulm", "age": 3.0}, {"city": "Bonn", "age": 4.0}] * 6
    model = make_pipeline(DictVectorizer(), LogisticRegression()).fit(dicts, [0, 1] * 6)
    (tmp_path / "rows.jsonl").write_text('{"city": "Ulm", "age": 3.0}\n')
    for rows in (None, "city,age\nUlm,3\n", tmp_path / "rows.jsonl"):
        with pytest.raises(ScoringError, match=r"DictVectorizer, which takes dicts.*: train it on"):
            describe(tmp_path, model, rows)
    with pytest.raises(ScoringError, match="which takes dicts"):
        deploy.describe(model, dicts, tmp_path)


class Exiting:
    """Ends the program instead of answering."""

    n_features_in_ = 3

    def predict(self, rows: Any) -> Any:
        sys.exit(3)


@pytest.mark.parametrize("rows", [None, "1,2,3\n", "a,b,c\n1,2,3\n"])
def test_a_model_that_exits_is_refused_and_does_not_end_the_command(tmp_path, rows):
    with pytest.raises(ScoringError, match=r"the model called sys\.exit\(3\) instead of answering"):
        describe(tmp_path, Exiting(), rows)


# The name of a text


def _named(folder: Any) -> Any:
    found = manifest_file.read(folder)
    assert found is not None
    return found.features.names


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("rows.csv", "review\na fine day\nbad\n"),
        ("rows.json", '[{"review": "a fine day"}, {"review": "bad"}]'),
        ("rows.jsonl", '{"review": "a fine day"}\n{"review": "bad"}\n'),
    ],
)
def test_the_column_of_a_text_has_the_name_of_training(tmp_path, name, content):
    (tmp_path / name).write_text(content)
    model = CountVectorizer().fit(TEXTS)
    folder = describe(tmp_path, model, tmp_path / name, method="transform")
    assert _named(folder) == ["review"]
    served = load(folder)
    expected = model.transform(["bad"]).toarray().tolist()
    for body in ("review\nbad\n", "id,review\n7,bad\n", "text\nbad\n", "bad\n"):
        assert answers(served, body) == expected
    for body in ('[{"review": "bad"}]', '[{"text": "bad"}]', '["bad"]'):
        assert answers(served, body, "application/json") == expected


def test_a_series_and_an_option_name_the_column_of_a_text(tmp_path):
    model = of_texts().fit(TEXTS, MOODS)
    for number, rows in enumerate([pd.Series(TEXTS, name="said"), pd.DataFrame({"said": TEXTS})]):
        deploy.describe(model, rows, tmp_path / str(number))
        assert _named(tmp_path / str(number)) == ["said"]
    assert _named(describe(tmp_path, model, types={"said": "text"})) == ["said"]
    assert _named(describe(tmp_path, model, "a fine day\nbad\n")) is None


def test_one_of_several_columns_of_texts_must_be_named(tmp_path):
    model = of_texts().fit(TEXTS, MOODS)
    content = "id,review\n7,a fine day\n8,bad\n"
    with pytest.raises(ScoringError, match="--type NAME=text, got the columns id, review"):
        describe(tmp_path, model, content)
    assert _named(describe(tmp_path, model, content, types={"review": "text"})) == ["review"]
    assert _named(describe(tmp_path, model, content.replace("review", "text"))) is None


@pytest.mark.parametrize("rows", [["good", None], [1, 2], pd.DataFrame({"a": TEXTS, "b": TEXTS})])
def test_rows_that_are_not_one_column_of_texts_are_refused(tmp_path, rows):
    with pytest.raises(ScoringError, match=r"expected (a text|one column of texts)"):
        deploy.describe(of_texts().fit(TEXTS, MOODS), rows, tmp_path)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"\x80\x04cno_such_package.layers\nLinear\n.", "; install no_such_package and add it to"),
        (b"\x80\x04c__main__\nMine\n.", "; what a notebook or a script defines can't be imported"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "Git LFS: fetch the model"),
        (b"", "; it is damaged or of another kind: copy it again, or save the model again"),
        (b"not a pickle", "; it is damaged or of another kind"),
        (b"\x80\x04X", "; it is damaged or of another kind"),
    ],
)
def test_a_file_that_does_not_load_is_told_with_what_to_do(tmp_path, content, says):
    (tmp_path / "model.pkl").write_bytes(content)
    with pytest.raises(ScoringError) as refused:
        manifest.describe(tmp_path)
    assert says in str(refused.value)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (None, "returned None: expected one answer a row"),
        ([1.0], "got 5 rows and returned 1 answer"),
        ([1j] * 5, "not JSON serializable: complex"),
    ],
)
def test_an_answer_that_is_not_served_is_not_put_down_to_the_rows(tmp_path, answer, says):
    with pytest.raises(ScoringError, match=says) as caught:
        describe(tmp_path, Answering(answer))
    assert "--rows" not in str(caught.value)


@pytest.mark.filterwarnings("ignore:the matrix subclass")
def test_each_row_of_a_matrix_is_a_list_of_its_cells(tmp_path):
    served = load(describe(tmp_path, Answering(np.matrix(np.arange(10.0).reshape(5, 2)))))
    encoded = encode_by_row(served.answer(np.zeros((5, 3))))
    assert [json.loads(each) for each in encoded][:2] == [[0.0, 1.0], [2.0, 3.0]]


@pytest.mark.parametrize("unit", ["D", "s", "us", "ns"])
def test_dates_are_answered_alike_alone_and_together(tmp_path, unit):
    dates = np.array(["2024-01-01", "NaT", "2025-02-03", "NaT", "NaT"], f"datetime64[{unit}]")
    served = load(describe(tmp_path, Answering(dates)))
    found = served.answer(np.zeros((5, 3)))
    expected = ["2024-01-01T00:00:00", None, "2025-02-03T00:00:00", None, None]
    assert [json.loads(each) for each in encode_by_row(found)] == expected
    assert json.loads(json_codec.dumps(found)) == expected


@pytest.mark.parametrize(
    "rows", [PEOPLE[["city"]].to_numpy(), PEOPLE[["city"]].set_axis([0], axis=1)]
)
def test_a_model_of_texts_without_names_asks_for_rows_with_names(tmp_path, rows):
    model = make_pipeline(OneHotEncoder(), LogisticRegression()).fit(rows, MOODS)
    with pytest.raises(ScoringError, match=r"knows texts in column 0, .* whose columns have names"):
        describe(tmp_path, model)
    with pytest.raises(ScoringError, match="knows texts in column 0"):
        describe(tmp_path, model, "0\nUlm\n")
    served = load(describe(tmp_path, model, "city\nUlm\nBonn\n"))
    assert answers(served, "city\nUlm\nBonn\n") == model.predict(rows[:2]).tolist()
