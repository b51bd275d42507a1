"""Which settings the app reads: asked of the code, not of a list."""

from __future__ import annotations

from pathlib import Path

from cache.settings import CacheSettings
from inference.settings import InferenceSettings
from triggers.settings import SERVICE_BUS, STORAGE, DoorSettings

ROOT = Path(__file__).resolve().parents[2]
_WHO = ("credential", "clientId")
#: What the platform reads where a binding names a connection, with an identity.
CONNECTIONS = {
    *(f"{STORAGE}__{each}" for each in ("blobServiceUri", "queueServiceUri", *_WHO)),
    *(f"{SERVICE_BUS}__{each}" for each in ("fullyQualifiedNamespace", *_WHO)),
}


class _Asked(dict[str, str]):
    """An empty environment that remembers what it was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def get(self, name: str, default: str = "") -> str:  # type: ignore[override]
        self.names.add(name)
        return default


def names_read() -> set[str]:
    asked = _Asked()
    InferenceSettings.from_env(asked, root=ROOT)
    CacheSettings.from_env(asked)
    DoorSettings.from_env(asked)
    return asked.names
