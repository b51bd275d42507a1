"""What a package is made for: the original's options, and the app's settings that they become."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

from deploy.errors import Refused

#: Each trigger with the doors that it opens, as TRIGGERS names them.
TRIGGERS: Mapping[str, tuple[str, ...]] = {
    "http": ("http",),
    "blob": ("blob",),
    "service-bus-queue": ("servicebus",),
    "all": ("http", "blob", "servicebus"),
}

#: Each option with its setting, and the doors that it says something of. A blob's result document
#: goes to the output queue too.
_SETTINGS: Mapping[str, tuple[str, frozenset[str]]] = {
    "auth_level": ("HTTP_AUTH_LEVEL", frozenset({"http"})),
    "input_path": ("INPUT_BLOB_PATH", frozenset({"blob"})),
    "output_path": ("OUTPUT_CONTAINER", frozenset({"blob"})),
    "input_queue_name": ("INPUT_QUEUE_NAME", frozenset({"servicebus"})),
    "output_queue_name": ("OUTPUT_QUEUE_NAME", frozenset({"blob", "servicebus"})),
}
NAMES = tuple(_SETTINGS)


class Options(TypedDict, total=False):
    """The options beside the trigger, by the original's names; None is the app's default."""

    auth_level: str | None
    input_path: str | None
    output_path: str | None
    input_queue_name: str | None
    output_queue_name: str | None


def flag_of(setting: str) -> str:
    """What the settings say of one another, in the command line's words."""
    return next((_flag(name) for name in NAMES if _SETTINGS[name][0] == setting), setting)


def settings(trigger: str, given: Options) -> dict[str, str]:
    """The settings of a trigger and its options. Raises Refused.

    What a setting may hold is the app's own to say: deploy.trial asks it.
    """
    opened = _doors(trigger)
    made = {"TRIGGERS": ",".join(opened)}
    for name, value in given.items():
        if name not in _SETTINGS:
            raise TypeError(f"a package has no {name}, but {', '.join(NAMES)}")
        setting, doors = _SETTINGS[name]
        if value is None:
            continue
        if not doors.intersection(opened):
            raise Refused(
                f"{_flag(name)} says nothing of --trigger {trigger}: leave it out, or package for"
                " --trigger all"
            )
        made[setting] = _container(str(value)) if name == "output_path" else str(value)
    return made


def _doors(trigger: str) -> list[str]:
    doors: dict[str, None] = {}
    for name in trigger.split(","):
        # With underscores it is the original's.
        opened = TRIGGERS.get(name.strip().replace("_", "-"))
        if opened is None:
            raise Refused(
                f"--trigger {trigger}: expected one of {', '.join(TRIGGERS)}, or several with"
                " commas between"
            )
        doors |= dict.fromkeys(opened)
    return list(doors)


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _container(path: str) -> str:
    """The container of an output path: a scored blob keeps its name."""
    container, _, name = path.partition("/")
    if not container or "{" in container or name not in ("", "{name}"):
        raise Refused(
            f"--output-path {path}: expected CONTAINER or CONTAINER/{{name}}, for a scored blob has"
            " its input's name"
        )
    return container
