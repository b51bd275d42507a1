"""Values that an encoder has not seen: an error of their row where it refuses them."""

import io

import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder
from sklearn.tree import DecisionTreeClassifier

from inference.errors import UnfitInput
from inference.rows import media_types
from inference.rows.formats import decode, open_table
from tests import scored_tables
from tests.deploy.described import LIMITS, answers, columns, describe, load

FRAME = pd.DataFrame({"city": ["Berlin", "Paris"] * 4, "code": [101, 205, 205, 309] * 2})
FORMS = [form for form in media_types.FORMATS if form != media_types.NPY]


def model_of(encoder):
    encode = make_column_transformer((encoder, ["city", "code"]))
    return make_pipeline(encode, DecisionTreeClassifier()).fit(FRAME, FRAME.city)


@pytest.fixture
def served(tmp_path):
    return load(describe(tmp_path, model_of(OneHotEncoder()), FRAME.to_csv(index=False)))


@pytest.mark.parametrize(
    "encoder",
    [
        OneHotEncoder(),
        OrdinalEncoder(),
        make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder()),
    ],
)
def test_the_values_of_an_encoder_that_refuses_others_are_recorded(tmp_path, encoder):
    folder = describe(tmp_path, model_of(encoder), FRAME.to_csv(index=False))
    assert [column.known for column in columns(folder).values()] == [
        ("Berlin", "Paris"),
        (101, 205, 309),
    ]


def test_an_encoder_that_takes_any_value_records_none(tmp_path):
    model = model_of(OneHotEncoder(handle_unknown="ignore"))
    folder = describe(tmp_path, model, FRAME.to_csv(index=False))
    assert [column.known for column in columns(folder).values()] == [None, None]
    assert answers(load(folder), "city,code\nRome,101\n") in (["Berlin"], ["Paris"])


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("city", "code", "says"),
    [
        ("Rome", 101, "row 1, column 'city': expected one of 'Berlin', 'Paris', got 'Rome'"),
        ("Paris", 102, "row 1, column 'code': expected one of 101, 205, 309, got "),
    ],
)
def test_an_unseen_value_is_the_error_of_its_row(served, form, city, code, says):
    body = scored_tables.write(form, {"city": ["Paris", city] * 10, "code": [205, code] * 10})
    with pytest.raises(UnfitInput) as refused:
        decode(body, form, served.schema, limits=LIMITS).require_valid()
    assert str(refused.value).startswith(says)
    rows = 0
    for part in open_table(form, io.BytesIO(body), served.schema, LIMITS).parts():
        wrong = [rows + at for at in sorted(part.coerced.errors)]
        rows += len(part.originals)
        assert wrong == [row for row in range(rows - len(part.originals), rows) if row % 2]
    assert rows == 20
