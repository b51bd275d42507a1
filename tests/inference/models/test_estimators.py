"""Real estimators answer through the app exactly as they do directly, in every format they take."""

import csv
import io
import itertools
import json
from dataclasses import dataclass
from typing import Any

import joblib
import numpy as np
import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_digits
from sklearn.ensemble import HistGradientBoostingClassifier, IsolationForest, RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.multioutput import MultiOutputClassifier
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC

from deploy import manifest
from inference.models import manifest_file
from inference.models.answers import one_per_row
from inference.rows import media_types
from inference.serving import table_scoring

DIGITS, LABELS = load_digits(return_X_y=True)
SEEN, ROWS = DIGITS[:300], DIGITS[300:320]
TARGETS = LABELS[:300]
GAPS = np.where(np.random.default_rng(0).random(ROWS.shape) < 0.05, np.nan, ROWS)
CUSTOMERS = pd.DataFrame(
    {
        "age": [31.0, 45.5, None, 23.0, 61.0, 38.0],
        "city": ["Oslo", "Rome", "Rome", None, "Oslo", "Bonn"],
        "member": [True, False, True, True, False, False],
    }
)
TEXTS = ["good, very good", "bad", "not good at all", 'a "fine" day']


def mixed() -> Any:
    columns = ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(), StandardScaler()), ["age"]),
            ("kinds", OneHotEncoder(handle_unknown="ignore"), ["city", "member"]),
        ]
    )
    return make_pipeline(columns, LogisticRegression()).fit(CUSTOMERS, [0, 1, 0, 0, 1, 1])


@dataclass
class Subject:
    """An estimator, the method that answers, and rows that it has not seen."""

    model: Any
    method: str = "predict"
    rows: Any = None

    def given(self) -> Any:
        return ROWS if self.rows is None else self.rows

    def direct(self) -> Any:
        given = self.given()
        answer = one_per_row(getattr(self.model, self.method)(given), len(given))
        return orjson.loads(orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY, default=list))


def subjects() -> dict[str, Subject]:
    pairs = np.column_stack([TARGETS > 4, TARGETS % 2])
    names = np.array(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "9"])
    texts = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(TEXTS, [1, 0, 0, 1])
    scaled = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
    forest = RandomForestClassifier(20, random_state=0).fit(SEEN, TARGETS)
    several = MultiOutputClassifier(RandomForestClassifier(5, random_state=0)).fit(SEEN, pairs)
    outliers = IsolationForest(n_estimators=20, random_state=0).fit(SEEN)
    return {
        "mixed frame": Subject(mixed(), "predict_proba", CUSTOMERS),
        "texts": Subject(texts, "predict_proba", TEXTS),
        "text vectors": Subject(TfidfVectorizer().fit(TEXTS), "transform", TEXTS),
        "regressor": Subject(Ridge().fit(SEEN, TARGETS)),
        "neighbours": Subject(KNeighborsRegressor().fit(SEEN, TARGETS)),
        "several outputs": Subject(several),
        "several outputs' odds": Subject(several, "predict_proba"),
        "outliers": Subject(outliers),
        "outliers' scores": Subject(outliers, "decision_function"),
        "transformer": Subject(StandardScaler().fit(SEEN), "transform"),
        "missing cells": Subject(
            HistGradientBoostingClassifier(max_iter=5).fit(SEEN, TARGETS), rows=GAPS
        ),
        "labels of text": Subject(scaled.fit(SEEN, names[TARGETS])),
        "odds": Subject(forest, "predict_proba"),
        "margins": Subject(SVC().fit(SEEN, TARGETS), "decision_function"),
        "clusters": Subject(KMeans(5, n_init=1, random_state=0).fit(SEEN)),
    }


SUBJECTS = subjects()


def records(given: Any) -> list[Any]:
    if isinstance(given, pd.DataFrame):
        return [
            {name: None if pd.isna(cell) else cell for name, cell in row.items()}
            for row in given.to_dict(orient="records")
        ]
    if isinstance(given, list):
        return [{"text": text} for text in given]
    return [[None if cell != cell else cell for cell in row] for row in given.tolist()]  # noqa: PLR0124


def as_csv(given: Any) -> bytes:
    out = io.StringIO()
    if isinstance(given, pd.DataFrame):
        return str(given.to_csv(index=False)).encode()
    if isinstance(given, list):
        csv.writer(out).writerows([["text"], *([text] for text in given)])
    else:
        csv.writer(out).writerows(
            ["" if cell is None else cell for cell in row] for row in records(given)
        )
    return out.getvalue().encode()


def as_table(given: Any) -> pa.Table:
    if isinstance(given, pd.DataFrame):
        return pa.Table.from_pandas(given, preserve_index=False)
    if isinstance(given, list):
        return pa.table({"text": given})
    return pa.table({f"c{index}": column for index, column in enumerate(given.T)})


def bodies(given: Any) -> dict[str, bytes]:
    """The rows in every format that can hold them, by content type."""
    parquet, arrow, file, npy = (io.BytesIO() for _ in range(4))
    pq.write_table(as_table(given), parquet)
    with pa.ipc.new_stream(arrow, as_table(given).schema) as stream:
        stream.write_table(as_table(given))
    with pa.ipc.new_file(file, as_table(given).schema) as opened:
        opened.write_table(as_table(given))
    found = {
        media_types.JSON: json.dumps({"data": records(given)}).encode(),
        media_types.JSON_LINES: "\n".join(map(json.dumps, records(given))).encode(),
        media_types.CSV: as_csv(given),
        "application/vnd.apache.parquet": parquet.getvalue(),
        "application/vnd.apache.arrow.stream": arrow.getvalue(),
        "application/vnd.apache.arrow.file": file.getvalue(),
    }
    if isinstance(given, np.ndarray):
        np.save(npy, given)
        found[media_types.NPY] = npy.getvalue()
    return found


@pytest.fixture(scope="module")
def folder_of(tmp_path_factory):
    """`folder_of(name)`: a folder with that model, described with a few of its rows."""
    made = {}

    def make(name: str):
        if name not in made:
            subject, folder = SUBJECTS[name], tmp_path_factory.mktemp("model")
            joblib.dump(subject.model, folder / "model.joblib")
            (folder / "rows.json").write_bytes(bodies(subject.given())[media_types.JSON])
            described = manifest.describe(
                folder, method=subject.method, rows_file=folder / "rows.json"
            )
            manifest_file.write(folder, described)
            made[name] = folder
        return made[name]

    return make


@pytest.mark.parametrize("name", SUBJECTS)
async def test_every_format_gets_the_estimators_own_answers(
    name, folder_of, make_scorer, request_of
):
    subject = SUBJECTS[name]
    scorer = make_scorer(folder_of(name))
    for kind, body in bodies(subject.given()).items():
        answer = await scorer.score(request_of(body, kind, recompute=True))
        assert orjson.loads(answer.body) == subject.direct(), kind


@pytest.mark.parametrize("name", SUBJECTS)
async def test_each_row_of_a_table_is_joined_with_the_estimators_own_answer(
    name, folder_of, make_scorer, request_of
):
    subject = SUBJECTS[name]
    scorer = make_scorer(folder_of(name))
    body = bodies(subject.given())[media_types.JSON_LINES]
    out = io.BytesIO()
    await table_scoring.score(
        scorer, request_of(b"", media_types.JSON_LINES), io.BytesIO(body), out.write
    )
    added = [
        [value for key, value in json.loads(line).items() if key.startswith("prediction")]
        for line in out.getvalue().splitlines()
    ]
    expected = subject.direct()
    assert added == [each if isinstance(each, list) else [each] for each in expected]


@pytest.mark.parametrize(
    ("name", "accept"),
    [*itertools.product(SUBJECTS, [media_types.JSON_LINES]), ("regressor", media_types.NPY)],
)
async def test_the_answer_has_one_row_for_each_row_in_order(
    name, accept, folder_of, make_scorer, request_of
):
    subject = SUBJECTS[name]
    scorer = make_scorer(folder_of(name))
    body = bodies(subject.given())[media_types.JSON]
    answer = await scorer.score(request_of(body, media_types.JSON, accept=accept))
    if accept == media_types.NPY:
        assert np.load(io.BytesIO(answer.body)).tolist() == subject.direct()
    else:
        assert [json.loads(line) for line in answer.body.splitlines()] == subject.direct()
