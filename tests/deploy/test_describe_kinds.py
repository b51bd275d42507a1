"""Cells of a CSV file that are of another kind than what the model knows or accepts."""

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder
from sklearn.tree import DecisionTreeClassifier

from inference.errors import ModelUnavailable
from tests.deploy.described import answers, describe, load


@pytest.mark.parametrize("gap", ["", "3,\n"])
@pytest.mark.parametrize("values", [[False, True], [0, 1], [0.0, 1.0]])
def test_booleans_where_the_encoder_knows_numbers_are_asked_for_and_then_served(
    tmp_path, values, gap
):
    """An encoder that got pandas' `boolean` has floats."""
    frame = pd.DataFrame({"x": range(12), "flag": values * 6})
    encode = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["flag"]))
    model = make_pipeline(encode, DecisionTreeClassifier(random_state=0))
    model.fit(frame, np.where(frame.flag, "yes", "no"))
    rows = f"x,flag\n1,True\n2,False\n{gap}"
    if not isinstance(values[0], bool):
        with pytest.raises(ModelUnavailable, match=r"holds True; .* with --type flag=boolean"):
            describe(tmp_path, model, rows)
    served = load(describe(tmp_path, model, rows, types={"flag": "boolean"}))
    assert answers(served, "x,flag\n1,True\n2,False\n") == ["yes", "no"]
    assert answers(served, '[{"x": 1, "flag": false}]', "application/json") == ["no"]


def hour_of(frame):
    return frame[["at"]].apply(lambda column: column.dt.hour)


def test_texts_that_look_like_dates_are_named_where_the_model_refuses_them(tmp_path):
    frame = pd.DataFrame({"at": pd.date_range("2024-05-01", periods=24, freq="h")})
    model = make_pipeline(FunctionTransformer(hour_of), LinearRegression()).fit(frame, range(24))
    rows = frame.to_csv(index=False)
    with pytest.raises(ModelUnavailable, match="dates in column 'at', add --type at=date"):
        describe(tmp_path, model, rows)
    served = load(describe(tmp_path, model, rows, types={"at": "date"}))
    assert answers(served, "at\n2024-05-02 07:00:00\n") == pytest.approx([7.0])
