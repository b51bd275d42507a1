import pytest

from inference.errors import SettingError
from triggers.settings import TRIGGERS, TriggerSettings


def test_without_settings_all_triggers_are_on_under_their_documented_names():
    settings = TriggerSettings.from_env({})
    assert settings.triggers == frozenset(TRIGGERS)
    assert settings.input_blob_path == "scoring-input/{name}"
    assert settings.output_container == "scoring-output"
    assert (settings.input_queue, settings.output_queue) == ("scoring-requests", "scoring-results")
    assert settings.claim_container == "scoring-claims"
    assert settings.http_auth_level == "function"


def test_a_single_trigger_can_be_chosen():
    assert TriggerSettings.from_env({"TRIGGERS": " Blob "}).triggers == {"blob"}


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("TRIGGERS", "http,smtp", "some of http, blob, servicebus"),
        ("HTTP_AUTH_LEVEL", "nobody", "one of anonymous, function, admin"),
        ("MESSAGE_SETTLEMENT", "each", "one of batch, message"),
        ("BLOB_SOURCE", "polling", "one of LogsAndContainerScan, EventGrid"),
        ("INPUT_BLOB_PATH", "scoring-input", "a container, a slash and {name}"),
        ("INPUT_BLOB_PATH", "{name}/x", "a container, a slash and {name}"),
        ("OUTPUT_CONTAINER", "scoring-input", "another container than that of INPUT_BLOB_PATH"),
        (
            "CLAIM_CONTAINER",
            "scoring-input",
            "another container than those of INPUT_BLOB_PATH and OUTPUT_CONTAINER",
        ),
        (
            "CLAIM_CONTAINER",
            "scoring-output",
            "another container than those of INPUT_BLOB_PATH and OUTPUT_CONTAINER",
        ),
        ("OUTPUT_QUEUE_NAME", "scoring-requests", "another queue than INPUT_QUEUE_NAME"),
    ],
)
def test_a_bad_setting_stops_startup_with_name_value_and_expectation(name, value, expected):
    with pytest.raises(SettingError) as caught:
        TriggerSettings.from_env({name: value})
    assert str(caught.value) == f"{name}={value!r}: expected {expected}"
