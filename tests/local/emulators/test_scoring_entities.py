"""The emulator has the queues and topics that the app's settings name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from local.emulators.errors import EmulatorError
from local.emulators.scoring_entities import make_config, write_config
from local.emulators.service_bus_emulator import CONFIG
from local.emulators.servicebus import config
from local.emulators.servicebus.config import Config


def entities(tmp_path: Path, **settings: str) -> Config:
    file = tmp_path / "data" / "Config.json"
    write_config(file, tmp_path, settings)
    return config.load(file)


def test_without_settings_it_has_the_queues_of_its_own_file() -> None:
    assert make_config({}) == json.loads(CONFIG.read_text())


def test_queues_have_the_names_of_the_settings(tmp_path: Path) -> None:
    made = entities(tmp_path, INPUT_QUEUE_NAME="in", OUTPUT_QUEUE_NAME="out")
    assert [queue.name for queue in made.queues] == ["in", "out"]
    assert made.topics == ()


def test_the_input_queue_requires_sessions_if_the_app_has_them(tmp_path: Path) -> None:
    requests, results = entities(tmp_path, IS_SESSIONS_ENABLED="true").queues
    assert requests.requires_session
    assert not results.requires_session


def test_topics_have_a_subscription(tmp_path: Path) -> None:
    made = entities(
        tmp_path,
        INPUT_TOPIC_NAME="t",
        INPUT_SUBSCRIPTION_NAME="s",
        OUTPUT_TOPIC_NAME="o",
        IS_SESSIONS_ENABLED="TRUE",
    )
    read, written = made.topics
    assert [each.queue.name for each in read.subscriptions] == ["t/Subscriptions/s"]
    assert read.subscriptions[0].queue.requires_session
    assert read.subscriptions[0].queue.max_delivery_count == 10
    assert written.queue.duplicate_window_ms == 300_000
    assert [each.queue.name for each in written.subscriptions] == ["o/Subscriptions/all"]
    assert not made.queues[0].requires_session


def test_the_environment_precedes_the_file_of_settings(tmp_path: Path) -> None:
    values = {"INPUT_QUEUE_NAME": "file", "OUTPUT_QUEUE_NAME": "out"}
    (tmp_path / "local.settings.json").write_text(json.dumps({"Values": values}))
    made = entities(tmp_path, INPUT_QUEUE_NAME="env")
    assert [queue.name for queue in made.queues] == ["env", "out"]


def test_a_file_of_settings_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "local.settings.json").write_text("{")
    with pytest.raises(EmulatorError, match=r"local\.settings\.json"):
        write_config(tmp_path / "Config.json", tmp_path, {})
