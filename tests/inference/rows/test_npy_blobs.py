"""Blobs of .npy, whose output has one type for the predictions of all parts."""

import io

import numpy as np
import pytest

from inference import limits
from inference.errors import UnacceptableAnswer
from inference.limits import Limits
from inference.rows import formats, media_types
from inference.rows.schema import Schema
from tests import bodies

SCHEMA = Schema(features=2)
BIG = 2**63


@pytest.fixture(autouse=True)
def parts_of_two_rows(monkeypatch):
    monkeypatch.setattr(limits, "PART_ROWS", 2)


def scored(rows: np.ndarray, predictions: list[object]) -> np.ndarray:
    """Rows with NaN have an error; `predictions` are those of all rows."""
    table = formats.open_table(
        media_types.NPY, io.BytesIO(bodies.npy(rows)), SCHEMA, Limits(100, 1)
    )
    given, out = iter(predictions), []
    for part in table.parts():
        some = [next(given) for _ in part.originals]
        kept = [value for at, value in enumerate(some) if at not in part.coerced.errors]
        out.append(table.write(part, kept))
    written: np.ndarray = np.load(io.BytesIO(b"".join([*out, *table.end()])), allow_pickle=False)
    return written


@pytest.mark.parametrize(
    ("predictions", "dtype"),
    [
        ([1, 2, 3, 4, 5], "int64"),
        ([1, 2, 3, 4, 0.5], "float64"),
        ([1, 2, BIG, 4, 5], "uint64"),
        ([True, False, True, True, False], "bool"),
        (["a", "b", "longer", "", "é"], "<U6"),
    ],
)
@pytest.mark.parametrize("order", ["C", "F"])
def test_all_predictions_have_the_type_that_holds_them(predictions, dtype, order):
    rows = np.asarray(np.arange(10.0).reshape(5, 2), order=order)
    written = scored(rows, predictions)
    assert written["data"].tolist() == rows.tolist()
    assert written["prediction"].tolist() == predictions
    assert written["prediction"].dtype == dtype
    assert set(written["error"].tolist()) == {""}


@pytest.mark.parametrize("predictions", [[1, 2, 3, 4, 5], [0.5, 1, 2, 3, 4], list("abcde")])
@pytest.mark.parametrize("wrong", [[0, 1], [2], [4], [0, 1, 2, 3]])
def test_a_row_with_an_error_has_none(predictions, wrong):
    rows = np.arange(10.0).reshape(5, 2)
    rows[wrong] = np.nan
    written = scored(rows, predictions)
    for at, (prediction, error) in enumerate(
        zip(written["prediction"], written["error"], strict=True)
    ):
        if at in wrong:
            assert prediction == "" or np.isnan(prediction)
            assert f"row {at}" in error
        else:
            assert (prediction, error) == (predictions[at], "")


def test_several_outputs_have_a_column_each():
    written = scored(np.ones((3, 2)), [[1, "x"], [2, "yy"], [3, "z"]])
    assert written["prediction_0"].tolist() == [1, 2, 3]
    assert written["prediction_1"].tolist() == ["x", "yy", "z"]


@pytest.mark.parametrize("predictions", [["a", "b", 1, 2, 3], [1, 2, 3, "x", 4]])
def test_predictions_of_different_kinds_are_refused(predictions):
    with pytest.raises(UnacceptableAnswer):
        scored(np.ones((5, 2)), predictions)


def test_an_array_without_rows_has_an_output_without_rows():
    assert scored(np.ones((0, 2)), []).dtype.names == ("data", "prediction", "error")
