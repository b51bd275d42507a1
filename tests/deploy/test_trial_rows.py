"""The rows that a conversion is tried with are rows that the model takes."""

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

import deploy
from deploy import accelerate, trial_rows
from inference.errors import ModelUnavailable
from inference.models import manifest_file
from inference.rows import coercion

COUNT = 60
EACH = np.random.default_rng(3)
CITIES = EACH.choice(["Oslo", "Rome"], COUNT)
COLUMNS = {
    "whole numbers": EACH.integers(-40, 90, COUNT),
    "bytes": np.array([0, 255] * 30, np.uint8),
    "the longest": np.array([-(2**63), 2**63 - 1] * 30),
    "whole numbers and gaps": pd.array([1, None, 7] * 20, "Int64"),
    "booleans": CITIES == "Oslo",
    "numbers": EACH.normal(size=COUNT),
    "texts": CITIES,
}


REFUSED = {
    "category": pd.Categorical(["a", "b", "c"] * 20),
    "date": pd.date_range("2024-01-01", periods=COUNT, tz="Europe/Oslo"),
}


def described(folder, cells):
    """A model with a column of texts and this one, which makes it a model of a frame."""
    frame = pd.DataFrame({"city": CITIES, "x": cells})
    columns = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["city"]))
    model = make_pipeline(columns, LinearRegression()).fit(frame, CITIES == "Oslo")
    deploy.describe(model, frame, folder)
    return model


@pytest.mark.parametrize("name", COLUMNS)
def test_rows_of_any_column_can_be_drawn(tmp_path, name):
    model = described(tmp_path, COLUMNS[name])
    manifest = manifest_file.read(tmp_path)
    schema = manifest.features.schema()
    golden = coercion.coerce_rows(manifest.golden.rows, schema, text=False).require_valid()
    drawn = trial_rows.draw(golden, schema, model)
    assert len(drawn) >= trial_rows.ROWS
    cells = {str(cell) for _, cell in coercion.json_cells(drawn, schema) if cell is not None}
    assert len(cells) > 1


def test_a_frame_with_whole_numbers_is_converted(tmp_path):
    frame = pd.DataFrame({"city": CITIES, "rooms": COLUMNS["whole numbers"]})
    columns = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["city"]), ("passthrough", ["rooms"])
    )
    model = make_pipeline(columns, LinearRegression()).fit(frame, frame.rooms * 2.0)
    deploy.describe(model, frame, tmp_path)
    assert accelerate.accelerate(tmp_path).rows > trial_rows.ROWS


@pytest.mark.parametrize("kind", REFUSED)
def test_a_column_that_is_not_converted_is_named_as_the_reason(tmp_path, kind):
    described(tmp_path, REFUSED[kind])
    with pytest.raises(ModelUnavailable, match=rf"of categories or dates, such as 'x' \({kind}\)"):
        accelerate.accelerate(tmp_path)
