"""The settings that an app folder would run with: the environment, above its two files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cache.errors import CacheSettingError
from cache.settings import CacheSettings
from deploy.doctor.names import HOST_STORAGE
from inference import package_settings
from inference.errors import SettingError
from inference.settings import InferenceSettings
from local.host import app_settings
from local.host.errors import HostError
from triggers.connections import validation
from triggers.settings import TriggerSettings

type Refusal = SettingError | CacheSettingError | HostError

#: What a refused setting is taken for, to see what else would be refused; else for its default.
_STAND_INS = {"AZUREML_MODEL_DIR": ".", "OUTPUT_CONTAINER": "-", "OUTPUT_QUEUE_NAME": "-"}


@dataclass(frozen=True, kw_only=True)
class Configured:
    """An app folder and its settings, as each room reads them: None where it refuses some."""

    folder: Path
    #: All that is set, whoever reads it.
    env: Mapping[str, str] = field(repr=False)
    inference: InferenceSettings | None
    cache: CacheSettings | None
    doors: TriggerSettings | None
    refused: Sequence[Refusal]
    #: Names by where they are set.
    sources: Mapping[str, frozenset[str]]

    def refuses(self, connection: str) -> bool:
        """Whether a setting of a connection was refused, in whichever form."""
        names = [each.name for each in self.refused if not isinstance(each, HostError)]
        return any(connection in name for name in names)

    def source(self, name: str) -> str:
        """Where a name is set, for people."""
        found = (source for source, names in self.sources.items() if name in names)
        return next(found, "nowhere")


def read(folder: Path, *, env: Mapping[str, str], file: Path) -> Configured:
    """What is set in the environment, in a local.settings.json and in the package's own file."""
    refused: list[Refusal] = []
    local: Mapping[str, str] = {}
    try:
        local = app_settings.read(file)
    except HostError as error:
        refused.append(error)
    over = {**local, **env}
    try:
        whole = package_settings.with_defaults(over, root=folder)
    except SettingError as error:
        refused.append(error)
        whole = over
    inference = _read(lambda env: InferenceSettings.from_env(env, root=folder), whole, refused)
    cache = _read(CacheSettings.from_env, whole, refused)
    doors = _read(TriggerSettings.from_env, whole, refused)
    if doors is not None:
        refused.extend(validation.faults(whole, doors))
    refused.extend(validation.of_account(HOST_STORAGE, whole))
    return Configured(
        folder=folder,
        env=whole,
        inference=inference,
        cache=cache,
        doors=doors,
        refused=refused,
        sources={
            "the environment": frozenset(env),
            file.name: frozenset(local),
            package_settings.NAME: frozenset(whole),
        },
    )


def _read[T](
    from_env: Callable[[Mapping[str, str]], T], env: Mapping[str, str], refused: list[Refusal]
) -> T | None:
    """A room's settings. It stops at the first that it refuses; each is noted."""
    before = len(refused)
    while True:
        try:
            settings = from_env(env)
        except (SettingError, CacheSettingError) as error:
            refused.append(error)
            env = {**env, error.name: _STAND_INS.get(error.name, "")}
        else:
            return settings if len(refused) == before else None
