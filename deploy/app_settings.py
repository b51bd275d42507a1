"""The app settings that an app folder runs with, wherever each is set."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cache.errors import CacheSettingError
from cache.settings import CacheSettings
from deploy.errors import Refused
from inference import package_settings
from inference.errors import SettingError
from inference.settings import InferenceSettings
from triggers import json_with_comments
from triggers.connections import validation
from triggers.settings import TriggerSettings

type SettingsError = SettingError | CacheSettingError | Refused

#: Where developers keep app settings: the tools of Azure Functions read it beside host.json.
FILE = "local.settings.json"
#: The account of the Functions host itself.
HOST_STORAGE = "AzureWebJobsStorage"

#: Replaces a value that was not accepted, to find errors in the others. Other names: empty.
_STAND_INS = {
    "AZUREML_MODEL_DIR": ".",
    "OUTPUT_CONTAINER": "-",
    "CLAIM_CONTAINER": "--",
    "INPUT_SUBSCRIPTION_NAME": "-",
    "INPUT_TOPIC_NAME": "-",
    "OUTPUT_QUEUE_NAME": "-",
    "OUTPUT_TOPIC_NAME": "--",
}


@dataclass(frozen=True, kw_only=True)
class AppSettings:
    """An app folder and its settings, as each package reads them: None where it refuses some."""

    folder: Path
    #: Every variable, also those that the app does not read.
    env: Mapping[str, str] = field(repr=False)
    inference: InferenceSettings | None
    cache: CacheSettings | None
    triggers: TriggerSettings | None
    errors: Sequence[SettingsError]
    #: The names that are set, by where.
    sources: Mapping[str, frozenset[str]]

    def refuses(self, connection: str) -> bool:
        """Whether a setting of this connection has an error, in any of its forms."""
        names = [error.name for error in self.errors if not isinstance(error, Refused)]
        return any(connection in name for name in names)

    def source(self, name: str) -> str:
        """Where a name is set, for people."""
        found = (source for source, names in self.sources.items() if name in names)
        return next(found, "nowhere")


def open_app(folder: Path, *, env: Mapping[str, str], file: Path | None = None) -> AppSettings:
    """The settings of an app folder or a package. Raises Refused if there is none.

    `file` is a local.settings.json, by default the one in the folder.
    """
    folder = folder.resolve()
    if not (folder / "function_app.py").is_file():
        raise Refused(f"{folder} has no function_app.py: name an app's folder, or a package's")
    if file is not None and not file.is_file():
        raise Refused(f"{file} does not exist: --settings names a {FILE}")
    return read(folder, env=env, file=file or folder / FILE)


def read(folder: Path, *, env: Mapping[str, str], file: Path) -> AppSettings:
    """The environment, over the values in `file`, over the package's own settings."""
    errors: list[SettingsError] = []
    values: Mapping[str, str] = {}
    try:
        values = read_file(file)
    except Refused as error:
        errors.append(error)
    over = {**values, **env}
    try:
        whole = package_settings.with_defaults(over, root=folder)
    except SettingError as error:
        errors.append(error)
        whole = over
    inference = _parse(lambda env: InferenceSettings.from_env(env, root=folder), whole, errors)
    cache = _parse(CacheSettings.from_env, whole, errors)
    triggers = _parse(TriggerSettings.from_env, whole, errors)
    if triggers is not None:
        errors.extend(validation.faults(whole, triggers))
    errors.extend(validation.account_faults(HOST_STORAGE, whole))
    return AppSettings(
        folder=folder,
        env=whole,
        inference=inference,
        cache=cache,
        triggers=triggers,
        errors=errors,
        sources={
            "the environment": frozenset(env),
            file.name: frozenset(values),
            package_settings.NAME: frozenset(whole),
        },
    )


def read_file(path: Path) -> Mapping[str, str]:
    """The values of a local.settings.json, none if it does not exist. Raises Refused."""
    try:
        document = json_with_comments.parse(path.read_bytes(), number=str)
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise Refused(f"{path} is not JSON ({error}): correct it") from error
    if not isinstance(document, dict):
        raise Refused(f"{path}: expected an object with Values, got {type(document).__name__}")
    document = {name.lower(): value for name, value in document.items()}
    if document.get("isencrypted"):
        raise Refused(f"{path} is encrypted: decrypt it with `func settings decrypt`")
    values = document.get("values") or {}
    if not isinstance(values, dict):
        raise Refused(f"{path}: expected Values to be an object")
    return {name: _text(path, name, each) for name, each in values.items() if each is not None}


def _text(path: Path, name: str, value: object) -> str:
    """A value as the text that Core Tools sets. Numbers are texts already."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        raise Refused(f"{path}: expected {name} to be a text, a number or a boolean")
    return value


def _parse[T](
    from_env: Callable[[Mapping[str, str]], T],
    env: Mapping[str, str],
    errors: list[SettingsError],
) -> T | None:
    """Settings of one package, or None and all of their errors: `from_env` raises one at a time."""
    before = len(errors)
    while True:
        try:
            settings = from_env(env)
        except (SettingError, CacheSettingError) as error:
            errors.append(error)
            env = {**env, error.name: _STAND_INS.get(error.name, "")}
        else:
            return settings if len(errors) == before else None
