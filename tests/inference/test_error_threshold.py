import pytest

from inference.error_threshold import ErrorThreshold
from inference.errors import SettingError
from inference.settings import InferenceSettings


@pytest.mark.parametrize(
    ("text", "count", "share"),
    [("-1", None, None), ("0", 0, None), ("1", 1, None), (" 12 ", 12, None), ("0.05", None, 0.05)],
)
def test_it_is_a_count_or_a_share(text, count, share):
    assert ErrorThreshold.parse(text) == ErrorThreshold(count, share)


@pytest.mark.parametrize("text", ["", "-2", "1.0", "0.0", "1.5", "nan", "inf", "5%", "many", "٣"])
def test_anything_else_is_refused(text):
    with pytest.raises(ValueError, match="expected -1 for no limit"):
        ErrorThreshold.parse(text)


def test_a_bad_setting_stops_the_start(tmp_path):
    with pytest.raises(SettingError, match="ERROR_THRESHOLD='5%'"):
        InferenceSettings.from_env(
            {"ERROR_THRESHOLD": "5%", "AZUREML_MODEL_DIR": str(tmp_path)}, root=tmp_path
        )
