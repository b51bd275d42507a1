"""Config.json and tokens: what is accepted, and with which sentence the rest is refused."""

from __future__ import annotations

import json

import pytest

from local.emulators.service_bus_emulator import CONFIG
from local.emulators.servicebus import config, sas
from local.emulators.servicebus.broker.settings import QueueSettings
from local.emulators.servicebus.config_values import ConfigError
from local.emulators.servicebus.sas import AccessKey, Grant, Grants, TokenRefused
from tests.local.emulators.servicebus_peer import sas_token
from tests.local.emulators.servicebus_process import document


def _load(tmp_path, text):
    path = tmp_path / "Config.json"
    path.write_text(text)
    return config.load(path).queues


def test_the_projects_own_config_is_good():
    requests, results = config.load(CONFIG).queues
    assert (requests.name, requests.duplicate_window_ms) == ("scoring-requests", None)
    assert results.name == "scoring-results"
    assert results.duplicate_window_ms is not None


def test_every_property_is_taken(tmp_path):
    properties = {
        "DeadLetteringOnMessageExpiration": True,
        "DefaultMessageTimeToLive": "P1DT1H",
        "DuplicateDetectionHistoryTimeWindow": "PT20S",
        "ForwardDeadLetteredMessagesTo": "",
        "ForwardTo": "",
        "LockDuration": "PT30S",
        "MaxDeliveryCount": 3,
        "RequiresDuplicateDetection": True,
        "RequiresSession": False,
    }
    assert _load(tmp_path, document({"q": properties})) == (
        QueueSettings(
            "q", 30_000, 3, 90_000_000, dead_letters_expired=True, duplicate_window_ms=20_000
        ),
    )


def test_a_queue_without_properties_has_service_bus_own_defaults(tmp_path):
    assert _load(tmp_path, document({"q": {}})) == (QueueSettings("q"),)


def test_the_longest_time_to_live_is_for_ever(tmp_path):
    properties = {"DefaultMessageTimeToLive": "P10675199DT2H48M5.4775807S"}
    (queue,) = _load(tmp_path, document({"q": properties}))
    assert queue.default_ttl_ms is None


@pytest.mark.parametrize(
    ("properties", "sentence"),
    [
        (
            {"LockDuration": "60"},
            "LockDuration of queue 'q' is \"60\", expected an ISO 8601 duration",
        ),
        ({"LockDuration": 60}, "LockDuration of queue 'q' is 60, expected an ISO 8601"),
        ({"LockDuration": "PT6M"}, "five minutes"),
        ({"MaxDeliveryCount": 0}, "MaxDeliveryCount of queue 'q' is 0, expected a whole number"),
        ({"MaxDeliveryCount": True}, "expected a whole number"),
        ({"RequiresDuplicateDetection": "yes"}, "expected true or false"),
        ({"ForwardTo": 5}, "ForwardTo of queue 'q' is 5, expected an entity's name"),
        ({"LockDurations": "PT1M"}, "unknown property 'LockDurations', expected one of"),
    ],
)
def test_a_bad_property_is_named_with_what_was_expected(tmp_path, properties, sentence):
    with pytest.raises(ConfigError, match=r"Config\.json: ") as refused:
        _load(tmp_path, document({"q": properties}))
    assert sentence in str(refused.value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "is not JSON"),
        ("[]", "the file is not a JSON object"),
        ("{}", "the file has no UserConfig"),
        ('{"UserConfig": {"Namespaces": []}}', "0 entries, expected exactly one"),
        ('{"UserConfig": {"Namespaces": [{"Queues": {}}]}}', "is not a JSON array"),
        ('{"UserConfig": {"Namespaces": [{"Queues": []}]}}', "at least one queue"),
        (json.dumps({"UserConfig": {"Namespaces": [{"Topics": 5}]}}), "Topics"),
        (document({"q": {}, "Q": {}}), "two queues and topics are named 'Q'"),
        (document({"a/$b": {}}), "cannot be named"),
    ],
)
def test_a_bad_file_is_refused_with_one_sentence(tmp_path, text, sentence):
    with pytest.raises(ConfigError) as refused:
        _load(tmp_path, text)
    assert sentence in str(refused.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"absent\.json cannot be read"):
        config.load(tmp_path / "absent.json")


@pytest.mark.parametrize(
    ("text", "ms"),
    [("PT1M", 60_000), ("P14D", 1_209_600_000), ("PT0.5S", 500), ("P1DT2H3M4S", 93_784_000)],
)
def test_durations_are_read(tmp_path, text, ms):
    (queue,) = _load(tmp_path, document({"q": {"DefaultMessageTimeToLive": text}}))
    assert queue.default_ttl_ms == ms


@pytest.mark.parametrize("text", ["", "P", "PT", "1M", "P1M", "P1Y", "PT1M ", "PT-1S", "-PT1M"])
def test_an_invalid_duration_is_refused(tmp_path, text):
    with pytest.raises(ConfigError, match="ISO 8601"):
        _load(tmp_path, document({"q": {"DefaultMessageTimeToLive": text}}))


KEY = AccessKey("name", "secret")


def _token(resource="sb://localhost:5672/q", key="secret", expiry="2000", name="name"):
    return sas_token(resource, expiry, name, key)


def test_a_good_token_grants_its_path():
    assert sas.verify(_token(), (KEY,), 1999) == Grant("q", 2000)


@pytest.mark.parametrize(
    ("token", "sentence"),
    [
        (_token(key="wrong"), "invalid signature"),
        (_token(name="other"), "invalid signature"),
        (_token(expiry="1000"), "expired"),
        (_token(expiry="soon"), "se is not a time"),
        (_token(expiry="9" * 400), "se is not a time"),
        (f"{sas.PREFIX}sr=q", "lacks"),
    ],
)
def test_a_bad_token_is_refused_without_naming_a_secret(token, sentence):
    with pytest.raises(TokenRefused, match=sentence) as refused:
        sas.verify(token, (KEY,), 1999)
    assert "secret" not in str(refused.value) + repr(KEY)


@pytest.mark.parametrize(
    ("granted", "path", "allowed"),
    [
        ("q", "q", True),
        ("Q", "q/$DeadLetterQueue", True),
        ("", "anything", True),
        ("q", "q2", False),
        ("q/$DeadLetterQueue", "q", False),
    ],
)
def test_a_grant_covers_its_path_and_all_below(granted, path, allowed):
    grants = Grants()
    grants.add(Grant(granted, 2000))
    assert grants.allow(path, 1999) is allowed
    assert not grants.allow(path, 2000)


def test_expired_grants_are_forgotten():
    grants = Grants()
    grants.add(Grant("q", 1000))
    grants.add(Grant("other", 2000))
    assert grants.next_expiry_s() == 1000
    grants.remove_expired(1000)
    assert grants.next_expiry_s() == 2000
    grants.remove_expired(2000)
    assert grants.next_expiry_s() is None
