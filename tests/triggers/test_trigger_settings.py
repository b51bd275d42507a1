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
        ("OUTPUT_TOPIC_NAME", "scoring-requests", "another name than INPUT_QUEUE_NAME"),
        ("IS_SESSIONS_ENABLED", "yes", "`true` or `false`"),
    ],
)
def test_a_bad_setting_stops_startup_with_name_value_and_expectation(name, value, expected):
    with pytest.raises(SettingError) as caught:
        TriggerSettings.from_env({name: value})
    assert str(caught.value) == f"{name}={value!r}: expected {expected}"


def test_a_topic_and_its_subscription_replace_the_input_queue():
    env = {"INPUT_QUEUE_NAME": "q", "INPUT_TOPIC_NAME": "t", "INPUT_SUBSCRIPTION_NAME": "s"}
    read = TriggerSettings.from_env(env).input
    assert (read.name, read.subscription, read.is_topic) == ("t", "s", True)
    assert str(read) == "subscription s of topic t"


def test_a_topic_replaces_the_output_queue():
    settings = TriggerSettings.from_env({"OUTPUT_TOPIC_NAME": "t", "OUTPUT_QUEUE_NAME": "q"})
    assert str(settings.output) == "topic t"
    assert str(settings.input) == "queue scoring-requests"


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ("INPUT_TOPIC_NAME", "INPUT_SUBSCRIPTION_NAME"),
        ("INPUT_SUBSCRIPTION_NAME", "INPUT_TOPIC_NAME"),
    ],
)
def test_a_topic_and_a_subscription_are_named_together(given, missing):
    with pytest.raises(SettingError) as caught:
        TriggerSettings.from_env({given: "x"})
    assert str(caught.value) == f"{missing}='': expected a name, because {given} is set"


def test_results_do_not_go_to_the_topic_that_is_read():
    env = {"INPUT_TOPIC_NAME": "t", "INPUT_SUBSCRIPTION_NAME": "s", "OUTPUT_TOPIC_NAME": "t"}
    with pytest.raises(SettingError, match="OUTPUT_TOPIC_NAME='t': expected another topic than"):
        TriggerSettings.from_env(env)


@pytest.mark.parametrize(
    ("env", "paths"),
    [
        ({}, ["scoring-requests", "scoring-results"]),
        ({"INPUT_TOPIC_NAME": "t", "INPUT_SUBSCRIPTION_NAME": "s"}, ["t/s", "scoring-results"]),
        ({"OUTPUT_TOPIC_NAME": "t"}, ["scoring-requests"]),
        ({"TRIGGERS": "blob"}, ["scoring-results"]),
        ({"TRIGGERS": "http"}, []),
    ],
)
def test_messages_wait_in_queues_and_in_the_subscription_but_in_no_topic(env, paths):
    assert [each.path for each in TriggerSettings.from_env(env).waiting] == paths
