"""The names of settings: those that the app reads, and those that look misspelt."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from pathlib import Path

from cache.settings import CacheSettings
from deploy.app_settings import HOST_STORAGE
from inference.settings import InferenceSettings
from triggers.settings import SERVICE_BUS, STORAGE, TriggerSettings

_IDENTITY = ("credential", "clientId", "tenantId", "clientSecret", "managedIdentityResourceId")
_STORAGE = ("blobServiceUri", "queueServiceUri", "tableServiceUri", "serviceUri", "accountName")
_SUFFIXES = {
    **dict.fromkeys((HOST_STORAGE, STORAGE, f"AzureWebJobs{STORAGE}"), (*_STORAGE, *_IDENTITY)),
    **dict.fromkeys(
        (SERVICE_BUS, f"AzureWebJobs{SERVICE_BUS}"), ("fullyQualifiedNamespace", *_IDENTITY)
    ),
}
#: What the platform reads for a binding's connection.
CONNECTIONS = frozenset(_SUFFIXES) | {
    f"{name}__{suffix}" for name, suffixes in _SUFFIXES.items() for suffix in suffixes
}

#: The least similarity, from 0 to 1, at which a name counts as another one misspelt.
SIMILARITY = 0.85


class _RecordingEnvironment(dict[str, str]):
    """An empty environment that records which names are looked up."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def get(self, name: str, default: str = "") -> str:  # type: ignore[override]
        self.names.add(name)
        # Its default is a folder of this project, and the doctor may run elsewhere.
        return "." if name == "AZUREML_MODEL_DIR" else default


def read_by_the_app() -> set[str]:
    env = _RecordingEnvironment()
    InferenceSettings.from_env(env, root=Path())
    CacheSettings.from_env(env)
    TriggerSettings.from_env(env)
    return env.names


def misspelt(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Each name that is no setting but similar to one, with that setting's name."""
    known = {name.casefold(): name for name in (*read_by_the_app(), *CONNECTIONS)}
    for name in names:
        if name not in known.values():
            for near in difflib.get_close_matches(name.casefold(), known, 1, SIMILARITY):
                yield name, known[near]
