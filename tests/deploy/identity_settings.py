"""The settings that the platform reads for a binding's connection with an identity."""

from __future__ import annotations

from triggers.settings import SERVICE_BUS, STORAGE

_WHO = ("credential", "clientId")
CONNECTIONS = {
    *(f"{STORAGE}__{each}" for each in ("blobServiceUri", "queueServiceUri", *_WHO)),
    *(f"{SERVICE_BUS}__{each}" for each in ("fullyQualifiedNamespace", *_WHO)),
}
