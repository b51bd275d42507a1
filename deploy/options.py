"""The options of a package, as azureml.contrib.functions names them, and the settings they set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

from deploy.errors import Refused

#: Each value of --trigger, with the triggers that it registers by their names in TRIGGERS.
TRIGGERS: Mapping[str, tuple[str, ...]] = {
    "http": ("http",),
    "blob": ("blob",),
    "service-bus-queue": ("servicebus",),
    "all": ("http", "blob", "servicebus"),
}

#: Each option with its setting, and the triggers that use it. The blob trigger sends result
#: documents to the output queue, too.
_SETTINGS: Mapping[str, tuple[str, frozenset[str]]] = {
    "auth_level": ("HTTP_AUTH_LEVEL", frozenset({"http"})),
    "input_path": ("INPUT_BLOB_PATH", frozenset({"blob"})),
    "output_path": ("OUTPUT_CONTAINER", frozenset({"blob"})),
    "claim_container": ("CLAIM_CONTAINER", frozenset({"servicebus"})),
    "input_queue_name": ("INPUT_QUEUE_NAME", frozenset({"servicebus"})),
    "output_queue_name": ("OUTPUT_QUEUE_NAME", frozenset({"blob", "servicebus"})),
    "input_topic_name": ("INPUT_TOPIC_NAME", frozenset({"servicebus"})),
    "input_subscription_name": ("INPUT_SUBSCRIPTION_NAME", frozenset({"servicebus"})),
    "output_topic_name": ("OUTPUT_TOPIC_NAME", frozenset({"blob", "servicebus"})),
    "is_sessions_enabled": ("IS_SESSIONS_ENABLED", frozenset({"servicebus"})),
}
NAMES = tuple(_SETTINGS)


class Options(TypedDict, total=False):
    """All options but the trigger. None means the app's default."""

    auth_level: str | None
    input_path: str | None
    output_path: str | None
    claim_container: str | None
    input_queue_name: str | None
    output_queue_name: str | None
    input_topic_name: str | None
    input_subscription_name: str | None
    output_topic_name: str | None
    is_sessions_enabled: bool | None


def flag_of(setting: str) -> str:
    """The option that sets a setting, as on the command line; else the setting's name."""
    return next((_flag(name) for name in NAMES if _SETTINGS[name][0] == setting), setting)


def settings(trigger: str, given: Options) -> dict[str, str]:
    """The app settings of a trigger and its options. Raises Refused.

    The app checks the values when deploy.trial starts it.
    """
    registered = _triggers(trigger)
    settings = {"TRIGGERS": ",".join(registered)}
    for name, value in given.items():
        if name not in _SETTINGS:
            raise TypeError(f"a package has no option {name}: expected {', '.join(NAMES)}")
        setting, users = _SETTINGS[name]
        if value is None:
            continue
        if not users.intersection(registered):
            raise Refused(
                f"{_flag(name)} does not apply to --trigger {trigger}: leave it out, or use"
                " --trigger all"
            )
        settings[setting] = _text(name, value)
    return settings


def _triggers(trigger: str) -> list[str]:
    registered: dict[str, None] = {}
    for name in trigger.split(","):
        # azureml.contrib.functions writes underscores.
        names = TRIGGERS.get(name.strip().replace("_", "-"))
        if names is None:
            raise Refused(
                f"--trigger {trigger}: expected one of {', '.join(TRIGGERS)}, or several"
                " separated by commas"
            )
        registered |= dict.fromkeys(names)
    return list(registered)


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _text(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return _container(str(value)) if name == "output_path" else str(value)


def _container(path: str) -> str:
    """The container of an output path. It may end in /{name}: a scored blob keeps its name."""
    container, _, name = path.partition("/")
    if not container or "{" in container or name not in ("", "{name}"):
        raise Refused(
            f"--output-path {path}: expected CONTAINER or CONTAINER/{{name}}, because a scored blob"
            " keeps its name"
        )
    return container
