"""The names of settings: which the app reads, asked of its code, and which look misspelt."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from pathlib import Path

from cache.settings import CacheSettings
from inference.settings import InferenceSettings
from triggers.settings import SERVICE_BUS, STORAGE, TriggerSettings

#: Of the Functions host's own account.
HOST_STORAGE = "AzureWebJobsStorage"

_WHO = ("credential", "clientId", "tenantId", "clientSecret", "managedIdentityResourceId")
_WHERE = ("blobServiceUri", "queueServiceUri", "tableServiceUri", "serviceUri", "accountName")
_IDENTITIES = {
    **dict.fromkeys((HOST_STORAGE, STORAGE, f"AzureWebJobs{STORAGE}"), (*_WHERE, *_WHO)),
    **dict.fromkeys(
        (SERVICE_BUS, f"AzureWebJobs{SERVICE_BUS}"), ("fullyQualifiedNamespace", *_WHO)
    ),
}
#: What the platform reads where a binding names a connection.
CONNECTIONS = frozenset(_IDENTITIES) | {
    f"{name}__{each}" for name, suffixes in _IDENTITIES.items() for each in suffixes
}

#: How alike two names are, of 1, where one is taken for the other misspelt.
ALIKE = 0.85


class _Asked(dict[str, str]):
    """An empty environment that remembers what it was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def get(self, name: str, default: str = "") -> str:  # type: ignore[override]
        self.names.add(name)
        # The default is a folder of this project's, and the doctor may run elsewhere.
        return "." if name == "AZUREML_MODEL_DIR" else default


def read_by_the_app() -> set[str]:
    asked = _Asked()
    InferenceSettings.from_env(asked, root=Path())
    CacheSettings.from_env(asked)
    TriggerSettings.from_env(asked)
    return asked.names


def misspelt(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Names that nobody reads and that are nearly one that is read, each with that."""
    known = {name.casefold(): name for name in (*read_by_the_app(), *CONNECTIONS)}
    for name in names:
        if name not in known.values():
            for near in difflib.get_close_matches(name.casefold(), known, 1, ALIKE):
                yield name, known[near]
