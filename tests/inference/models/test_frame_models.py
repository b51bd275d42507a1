"""Models that were trained on a DataFrame, and models that take texts."""

import json
import sys

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from deploy import manifest
from inference.errors import ModelUnavailable, UnfitInput
from inference.models import manifest_file
from inference.rows.schema import Column, frame_schema
from tests.schemas import frame

CUSTOMERS = pd.DataFrame(
    {
        "age": [31.0, 45.5, None, 23.0, 61.0, 38.0],
        "city": ["Oslo", "Rome", "Rome", None, "Oslo", "Bonn"],
        "member": [True, False, True, True, False, False],
    }
)
CHURNED = [0, 1, 0, 0, 1, 1]
CSV = CUSTOMERS.to_csv(index=False)
RECORDS = [
    {name: None if cell != cell else cell for name, cell in row.items()}  # noqa: PLR0124
    for row in CUSTOMERS.to_dict(orient="records")
]
TEXTS = ["good, very good", "bad", "not good", "fine day", ""]


def mixed():
    """Numbers imputed and scaled, categories and booleans encoded, chosen by column name."""
    columns = ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(), StandardScaler()), ["age"]),
            ("kinds", OneHotEncoder(handle_unknown="ignore"), ["city", "member"]),
        ]
    )
    return make_pipeline(columns, LogisticRegression()).fit(CUSTOMERS, CHURNED)


def moods():
    return make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(TEXTS, [1, 0, 0, 1, 0])


@pytest.fixture
def customers(tmp_path):
    """A folder with the model, described with a CSV of the rows it was trained on."""
    folder = tmp_path / "churn"
    folder.mkdir()
    joblib.dump(mixed(), folder / "model.joblib")
    (folder / "rows.csv").write_text(CSV)
    described = manifest.describe(folder, method="predict_proba", rows_file=folder / "rows.csv")
    manifest_file.write(folder, described)
    return folder


@pytest.fixture
def texts(tmp_path):
    folder = tmp_path / "mood"
    folder.mkdir()
    joblib.dump(moods(), folder / "model.joblib")
    (folder / "rows.json").write_text(json.dumps(TEXTS))
    manifest_file.write(
        folder,
        manifest.describe(folder, method="predict_proba", rows_file=folder / "rows.json"),
    )
    return folder


def test_a_manifest_holds_the_types_of_columns_and_whether_cells_may_be_missing(customers):
    features = manifest_file.read(customers).features
    assert features.schema() == frame_schema(
        [
            Column("age", "number", missing=True),
            Column("city", "text", missing=True, dtype="str"),
            Column("member", "boolean", missing=True),
        ]
    )


async def test_a_frame_is_scored_alike_from_records_split_rows_and_csv(
    customers, make_scorer, request_of
):
    scorer = make_scorer(customers)
    direct = mixed().predict_proba(CUSTOMERS).tolist()
    rows = [list(row.values()) for row in RECORDS]
    turned = [row[::-1] for row in rows]
    columns = ["member", "city", "age"]
    for body, kind in (
        (json.dumps(RECORDS), "application/json"),
        (json.dumps({"data": rows}), "application/json"),
        (json.dumps({"columns": columns, "data": turned}), "application/json"),
        ("\n".join(map(json.dumps, RECORDS)), "application/jsonl"),
        (CSV, "text/csv"),
        (CSV.partition("\n")[2], "text/csv"),
    ):
        answer = await scorer.score(request_of(body.encode(), kind))
        assert np.allclose(json.loads(answer.body), direct, rtol=1e-12), body


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ({"age": "old", "city": "Oslo", "member": True}, "row 0, column 'age'"),
        ({"age": 3, "city": 7, "member": True}, "row 0, column 'city'"),
        ({"age": 3, "city": "Oslo", "member": "yes"}, "row 0, column 'member'"),
    ],
)
async def test_a_cell_of_another_type_is_refused_by_row_and_column(
    customers, make_scorer, request_of, row, field
):
    scorer = make_scorer(customers)
    body = json.dumps([row]).encode()
    with pytest.raises(UnfitInput) as caught:
        await scorer.score(request_of(body, "application/json"))
    assert caught.value.field == field


async def test_texts_are_scored_alike_from_lists_records_lines_and_csv(
    texts, make_scorer, request_of
):
    scorer = make_scorer(texts)
    direct = joblib.load(texts / "model.joblib").predict_proba(TEXTS).tolist()
    csv = "text\n" + "".join(f'"{text}"\n' for text in TEXTS)
    for body, kind in (
        (json.dumps(TEXTS), "application/json"),
        (json.dumps({"inputs": TEXTS}), "application/json"),
        (json.dumps([[text] for text in TEXTS]), "application/json"),
        (json.dumps([{"text": text} for text in TEXTS]), "application/json"),
        ("\n".join(map(json.dumps, TEXTS)), "application/jsonl"),
        (csv, "text/csv"),
        (csv.partition("\n")[2], "text/csv"),
    ):
        answer = await scorer.score(request_of(body.encode(), kind))
        assert json.loads(answer.body) == direct, body


async def test_a_text_model_refuses_numbers_and_says_what_it_takes(texts, make_scorer, request_of):
    scorer = make_scorer(texts)
    for body in (b"[1, 2]", b"[[1.5]]", b'[{"text": null}]'):
        with pytest.raises(UnfitInput, match="text"):
            await scorer.score(request_of(body, "application/json"))


def test_without_pandas_a_frame_model_is_refused_with_what_to_do(customers, monkeypatch):
    from inference.models.inputs import input_function

    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ModelUnavailable, match=r"pandas.*requirements\.txt"):
        input_function(frame(("a",), ("text",)))
