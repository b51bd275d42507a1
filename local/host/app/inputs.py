"""Input bindings: blobs as bytes, text or SDK clients."""

from __future__ import annotations

import json
from collections.abc import Mapping

from local.host.app.bindings import BlobInput, BlobTrigger, Function, ServiceBusTrigger
from local.host.app.connections import Connections
from local.host.app.expressions import has_expression, render
from local.host.app.protos import ModelBindingData, TypedData


class Inputs:
    """Reads the values of a function's input bindings."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def __repr__(self) -> str:
        return f"<Inputs {self._connections!r}>"

    async def read(
        self, function: Function, values: Mapping[str, str]
    ) -> dict[str, TypedData | None]:
        """Values by binding name. Raises BindingFailed."""
        defer = can_defer(function)
        return {
            binding.name: await self._read(binding, render(binding.path, values), defer=defer)
            for binding in function.inputs
        }

    async def _read(self, binding: BlobInput, path: str, *, defer: bool) -> TypedData | None:
        container, _, blob = path.partition("/")
        if binding.is_deferred and defer:
            return blob_reference(binding.connection, container, blob)
        content = await self._connections.in_thread(
            self._download, binding.connection, container, blob
        )
        if content is None:
            return None
        if binding.data_type in ("binary", "stream"):
            return TypedData(bytes=content)
        # Text is the default, and invalid UTF-8 is replaced, as in the real host.
        return TypedData(string=content.decode("utf-8-sig", "replace"))

    def _download(self, connection: str, container: str, blob: str) -> bytes | None:
        from local.host.app import blob_content  # noqa: PLC0415 - imports the storage SDK

        return blob_content.download(self._connections.blobs(connection), container, blob)


def can_defer(function: Function) -> bool:
    """Whether SDK-type bindings are passed as references, for the app's extension to open.

    The real host passes bytes instead if the function has a deferred trigger and any binding's path
    has an expression; the app's converter then raises. This host does the same.
    """
    trigger = function.trigger
    if not (isinstance(trigger, BlobTrigger | ServiceBusTrigger) and trigger.is_deferred):
        return True
    paths = (getattr(each, "path", "") for each in (*function.inputs, *function.outputs))
    return not any(has_expression(path) for path in paths)


def blob_reference(connection: str, container: str, blob: str) -> TypedData:
    """A reference from which the blob extension makes an SDK client."""
    content = {"Connection": connection, "ContainerName": container, "BlobName": blob}
    return TypedData(
        model_binding_data=ModelBindingData(
            version="1.0",
            source="AzureStorageBlobs",
            content_type="application/json",
            content=json.dumps(content).encode(),
        )
    )
