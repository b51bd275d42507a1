"""Blobs and containers as the platform names them, without an SDK.

Microsoft's own types for this (azurefunctions-extensions-bindings-blob) are clients of the storage
SDK: an app with a blob function could not be indexed before it is imported.
"""

from __future__ import annotations

import json
from typing import Any

from azurefunctions.extensions.base import Datum, InConverter, SdkType


class Place(SdkType):  # type: ignore[misc]
    """A blob, or a container if `blob` is empty. The setting `connection` names the account."""

    def __init__(self, connection: str, container: str, blob: str = "") -> None:
        self.connection, self.container, self.blob = connection, container, blob

    def __repr__(self) -> str:
        return f"<Place {self.container}/{self.blob} of {self.connection}>"


class PlaceConverter(InConverter, binding="blob", trigger="blobTrigger"):  # type: ignore[misc, call-arg]
    """Makes the platform pass a blob's name instead of its content, and reads the name."""

    @classmethod
    def check_input_type_annotation(cls, pytype: type) -> bool:
        return issubclass(pytype, Place)

    @classmethod
    def decode(cls, data: Datum, *, trigger_metadata: Any, pytype: Any) -> Place:  # noqa: ARG003 - the platform's shape
        if data is None or data.type != "model_binding_data":
            raise ValueError(f"expected the name of a blob, got {data!r:.100}")
        named = json.loads(data.value.content)
        return Place(named["Connection"], named["ContainerName"], named.get("BlobName") or "")
