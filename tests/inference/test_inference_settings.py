from pathlib import Path

import pytest

from inference.errors import SettingError
from inference.settings import InferenceSettings


def settings(tmp_path: Path, **environment: str) -> InferenceSettings:
    return InferenceSettings.from_env(
        {"AZUREML_MODEL_DIR": str(tmp_path), **environment}, root=tmp_path
    )


def test_a_result_is_kept_a_day_and_a_row_an_hour(tmp_path):
    told = settings(tmp_path)
    assert (told.result_ttl_s, told.cache_ttl_s) == (86_400, 3600)


def test_the_lifetime_of_rows_does_not_change_that_of_results(tmp_path):
    told = settings(tmp_path, CACHE_TTL_S="5", RESULT_TTL_S="7")
    assert (told.cache_ttl_s, told.result_ttl_s) == (5, 7)


def test_a_bad_lifetime_of_results_stops_the_start(tmp_path):
    with pytest.raises(SettingError, match="RESULT_TTL_S='-1': expected a number above 0"):
        settings(tmp_path, RESULT_TTL_S="-1")


def test_the_columns_that_scoring_adds_have_names(tmp_path):
    names = settings(tmp_path, PREDICTION_COLUMN=" score ").columns
    assert (names.prediction, names.error, names.probability) == ("score", "error", "probability_")


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({"PREDICTION_COLUMN": "a\nb"}, "PREDICTION_COLUMN=.*: expected the name of a column"),
        ({"ERROR_COLUMN": "x" * 201}, "ERROR_COLUMN=.*at most 200 characters"),
        ({"ERROR_COLUMN": "prediction"}, "another name than that of PREDICTION_COLUMN"),
    ],
)
def test_a_name_that_cant_be_a_columns_stops_the_start(tmp_path, environment, says):
    with pytest.raises(SettingError, match=says):
        settings(tmp_path, **environment)
