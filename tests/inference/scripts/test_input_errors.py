"""Values that an estimator refuses are the caller's error; its other errors are its own."""

import joblib
import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from deploy import manifest
from inference.errors import ScriptFailed, UnfitInput
from inference.models import manifest_file

ROWS = np.random.default_rng(0).random((40, 2))
LABELS = ROWS[:, 0] > 0.5


def of_small_ones(rows):
    if (rows > 1000).any():
        raise ValueError("own")
    return rows


async def asked(model, tmp_path, make_scorer, request_of, row):
    joblib.dump(model.fit(ROWS, LABELS), tmp_path / "model.joblib")
    manifest_file.write(tmp_path, manifest.describe(tmp_path))
    return await make_scorer(tmp_path).score(request_of(f"[{row}, [0.9, 0.9]]".encode()))


@pytest.mark.filterwarnings("ignore:overflow encountered")
@pytest.mark.parametrize(
    ("model", "row"),
    [
        (RandomForestClassifier(5, random_state=0), "[1e39, 0]"),
        (make_pipeline(StandardScaler(), LogisticRegression()), "[1.7e308, 0]"),
    ],
)
async def test_a_number_that_the_model_can_not_compute_with_is_the_callers_error(
    tmp_path, make_scorer, request_of, model, row
):
    with pytest.raises(UnfitInput, match="expected values that the model can compute with"):
        await asked(model, tmp_path, make_scorer, request_of, row)


async def test_an_error_in_the_models_own_code_is_not_the_callers(
    tmp_path, make_scorer, request_of
):
    model = make_pipeline(FunctionTransformer(of_small_ones, validate=True), LogisticRegression())
    with pytest.raises(
        ScriptFailed, match=r"ValueError at test_input_errors\.py:\d+ of_small_ones"
    ):
        await asked(model, tmp_path, make_scorer, request_of, "[1001, 0]")
