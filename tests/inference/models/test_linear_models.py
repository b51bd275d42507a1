"""Linear models answer the same bytes without scikit-learn's checks of the input."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression, SGDClassifier

from inference.models.linear_models import predict_function
from inference.models.sklearn_model import SklearnModel
from inference.rows.schema import Schema

FEATURES = 3
SCHEMA = Schema(features=FEATURES)
DRAWN = np.random.default_rng(0).standard_normal((60, FEATURES))
DIGITS = (DRAWN[:, 0] * 2).round().astype(int) % 4
OUTPUTS = DRAWN @ np.ones((FEATURES, 2))


class Subclass(LogisticRegression):  # type: ignore[misc]
    def decision_function(self, rows):
        return -super().decision_function(rows)


class Plain(LogisticRegression):  # type: ignore[misc]
    pass


LINEAR = {
    "several classes": LogisticRegression().fit(DRAWN, DIGITS),
    "two classes": LogisticRegression().fit(DRAWN, DIGITS > 1),
    "texts": SGDClassifier().fit(DRAWN, np.array(["a", "b", "c", "d"])[DIGITS]),
    "numbers": LinearRegression(fit_intercept=False).fit(DRAWN, DRAWN[:, 0]),
    "several outputs": LinearRegression().fit(DRAWN, OUTPUTS),
}
OTHERS = {
    "a forest": RandomForestClassifier(3).fit(DRAWN, DIGITS),
    "another decision": Subclass().fit(DRAWN, DIGITS),
    "a class of somebody else's": Plain().fit(DRAWN, DIGITS),
    "not fitted": LogisticRegression(),
}
ROWS = arrays(
    np.float64,
    st.tuples(st.integers(1, 6), st.just(FEATURES)),
    elements=st.floats(allow_nan=False, allow_infinity=False),
)


@pytest.mark.parametrize("name", LINEAR)
@given(rows=ROWS)
def test_answers_are_those_of_the_estimator(name, rows):
    estimator = LINEAR[name]
    with np.errstate(all="ignore"):  # infinite scores
        found, expected = predict_function(estimator, SCHEMA)(rows), estimator.predict(rows)
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    assert found.tobytes() == expected.tobytes()


@pytest.mark.parametrize("dtype", ["float32", "int64"])
@pytest.mark.parametrize("name", LINEAR)
def test_rows_of_another_dtype_are_answered_alike(name, dtype):
    rows = (DRAWN * 9).astype(dtype)
    found = predict_function(LINEAR[name], Schema(features=FEATURES, dtype=dtype))(rows)
    assert found.tobytes() == LINEAR[name].predict(rows).tobytes()


@pytest.mark.parametrize("name", OTHERS)
def test_other_estimators_answer_themselves(name):
    assert predict_function(OTHERS[name], SCHEMA) is None


@pytest.mark.parametrize(
    "schema",
    [Schema(), Schema(features=2), Schema(features=FEATURES, allows_missing=True)],
    ids=["any width", "another width", "missing cells"],
)
def test_rows_that_the_schema_does_not_check_are_checked_by_the_estimator(schema):
    assert predict_function(LINEAR["several classes"], schema) is None


def test_rows_that_nobody_has_checked_are_checked_by_the_estimator():
    answer = SklearnModel(LINEAR["several classes"]).answer_function("predict", SCHEMA)
    with pytest.raises(ValueError, match="NaN"):
        answer(np.full((1, FEATURES), np.nan))
