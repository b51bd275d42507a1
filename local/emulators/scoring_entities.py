"""The queues and topics that the app's settings name, as a Config.json of the emulator."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local.emulators.errors import EmulatorError
from local.emulators.managed_server import PROJECT
from local.emulators.service_bus_emulator import CONFIG
from local.host import app_settings
from local.host.errors import HostError

#: The subscription that keeps what the app sends to its output topic.
OUTPUT_SUBSCRIPTION = "all"

#: Properties that a topic has.
_OF_TOPICS = {
    "DefaultMessageTimeToLive",
    "DuplicateDetectionHistoryTimeWindow",
    "RequiresDuplicateDetection",
}
#: Properties that a subscription has not.
_NOT_OF_SUBSCRIPTIONS = {"DuplicateDetectionHistoryTimeWindow", "RequiresDuplicateDetection"}


def write_config(file: Path, root: Path = PROJECT, env: Mapping[str, str] = os.environ) -> None:
    """Write what `env`, over the local.settings.json in `root`, names. Raises EmulatorError."""
    try:
        settings = {**app_settings.read(root / app_settings.FILE), **env}
    except HostError as error:
        raise EmulatorError(str(error)) from error
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(make_config(settings), indent=2), encoding="utf-8")


def make_config(settings: Mapping[str, str]) -> dict[str, Any]:
    """CONFIG with the names of the settings. An input that requires sessions is made so."""
    config: dict[str, Any] = json.loads(CONFIG.read_text())
    (namespace,) = config["UserConfig"]["Namespaces"]
    requests, results = namespace["Queues"]
    requests["Name"] = settings.get("INPUT_QUEUE_NAME") or requests["Name"]
    results["Name"] = settings.get("OUTPUT_QUEUE_NAME") or results["Name"]
    topics: dict[str, dict[str, Any]] = {}
    has_sessions = settings.get("IS_SESSIONS_ENABLED", "").lower() == "true"
    read = requests
    if topic := settings.get("INPUT_TOPIC_NAME"):
        name = settings.get("INPUT_SUBSCRIPTION_NAME") or OUTPUT_SUBSCRIPTION
        topics[topic] = _topic(topic, requests, name)
        (read,) = topics[topic]["Subscriptions"]
    read["Properties"] = read["Properties"] | {"RequiresSession": has_sessions}
    if topic := settings.get("OUTPUT_TOPIC_NAME"):
        topics.setdefault(topic, _topic(topic, results, OUTPUT_SUBSCRIPTION))
    namespace["Topics"] = list(topics.values())
    return config


def _topic(name: str, queue: Mapping[str, Any], subscription: str) -> dict[str, Any]:
    """A topic with one subscription, which has the properties of a queue."""
    properties: dict[str, Any] = queue["Properties"]
    return {
        "Name": name,
        "Properties": {key: value for key, value in properties.items() if key in _OF_TOPICS},
        "Subscriptions": [
            {
                "Name": subscription,
                "Properties": {
                    key: value
                    for key, value in properties.items()
                    if key not in _NOT_OF_SUBSCRIPTIONS
                },
            }
        ],
    }
