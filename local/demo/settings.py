"""The settings with which the demo runs the app."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from local.emulators.scoring_entities import OUTPUT_SUBSCRIPTION
from local.emulators.stack import Stack
from local.host import app_settings
from local.host.http_listener.keys import FUNCTION_KEY, MASTER_KEY

#: Copies of this file set what is the default here anyway.
SAMPLE = "local.settings.sample.json"

STORAGE, SERVICE_BUS, REDIS = "ScoringStorage", "ServiceBusConnection", "REDIS_URL"
TRIGGERS = "http,blob,servicebus"


def environment(root: Path, stack: Stack, env: Mapping[str, str]) -> dict[str, str]:
    """What the host gets beside the caller's environment.

    The caller's environment takes precedence over local.settings.json, and this over the defaults
    of the demo. Raises HostError for a local.settings.json that cannot be read.
    """
    defaults = {
        "AzureWebJobsStorage": stack.storage_connection_string,
        STORAGE: stack.storage_connection_string,
        SERVICE_BUS: stack.servicebus_connection_string,
        REDIS: stack.redis_url,
        # The time to live of emulators/Config.json's queues.
        "MESSAGE_TTL_S": "3600",
        # The user of the demo is the author of the script.
        "SHOW_SCRIPT_ERRORS": "true",
        "PYTHONPATH": str(root),
        "PYTHONUNBUFFERED": "1",
    }
    own = _own_settings(root) | dict(env)
    # A connection may also be an identity: `ScoringStorage__blobServiceUri`.
    identities = {name.partition("__")[0] for name in own if "__" in name}
    return {
        name: own.get(name, default)
        for name, default in defaults.items()
        if name in own or name not in identities
    }


@dataclass(frozen=True, slots=True)
class AppSettings:
    """What the tour needs to know of the app's settings."""

    model_dir: Path
    #: The model folder as the setting names it, for messages and commands.
    model_dir_name: str
    #: None: the built-in script.
    entry_script: str | None
    allow_unpinned_model: bool
    triggers: frozenset[str]
    input_container: str
    output_container: str
    #: Of a blob: `{name}`, or with more around it.
    input_name: str
    #: Or the topic.
    input_queue: str
    #: Or the path of the output topic's subscription.
    output_queue: str
    prediction_column: str
    has_console: bool
    #: The setting that holds the key of a request, and the key; both empty if none is needed.
    key_setting: str
    key: str

    @classmethod
    def read(cls, root: Path, env: Mapping[str, str]) -> AppSettings:
        """What is not set has the app's default. Raises HostError."""
        values = read_settings(root, env)
        named = values.get("AZUREML_MODEL_DIR", "models/digits")
        script = values.get("AZUREML_ENTRY_SCRIPT", "score.py")
        path = values.get("INPUT_BLOB_PATH", "scoring-input/{name}")
        container, _, name = path.partition("/")
        key_setting = _key_setting(values)
        return cls(
            model_dir=(root / named).resolve(),
            model_dir_name=named,
            entry_script=script if (root / named / script).is_file() else None,
            allow_unpinned_model=values.get("ALLOW_UNPINNED_MODEL", "").lower() == "true",
            triggers=frozenset(
                each.strip().lower() for each in values.get("TRIGGERS", TRIGGERS).split(",")
            ),
            input_container=container,
            output_container=values.get("OUTPUT_CONTAINER", "scoring-output"),
            input_name=name,
            input_queue=values.get("INPUT_TOPIC_NAME")
            or values.get("INPUT_QUEUE_NAME", "scoring-requests"),
            output_queue=f"{output_topic}/Subscriptions/{OUTPUT_SUBSCRIPTION}"
            if (output_topic := values.get("OUTPUT_TOPIC_NAME"))
            else values.get("OUTPUT_QUEUE_NAME", "scoring-results"),
            prediction_column=values.get("PREDICTION_COLUMN", "prediction"),
            has_console=values.get("CONSOLE", "true").lower() == "true",
            key_setting=key_setting,
            key=values.get(key_setting, ""),
        )


def read_settings(root: Path, env: Mapping[str, str]) -> dict[str, str]:
    """The environment over local.settings.json, without empty values. Raises HostError."""
    values = {**app_settings.read(root / app_settings.FILE), **env}
    return {name: value for name, value in values.items() if value}


def _key_setting(values: Mapping[str, str]) -> str:
    level = values.get("HTTP_AUTH_LEVEL", "function").lower()
    accepted = {"anonymous": (), "admin": (MASTER_KEY,)}.get(level, (FUNCTION_KEY, MASTER_KEY))
    return next((name for name in accepted if name in values), "")


def _own_settings(root: Path) -> dict[str, str]:
    """The values of local.settings.json that a user chose."""
    sample = app_settings.read(root / SAMPLE)
    values = app_settings.read(root / app_settings.FILE)
    return {name: value for name, value in values.items() if value != sample.get(name)}
