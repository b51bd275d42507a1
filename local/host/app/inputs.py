"""Input bindings: blobs as bytes, text or SDK clients."""

from __future__ import annotations

import json
from collections.abc import Mapping

from local.host.app.bindings import BlobInput, BlobTrigger, Function
from local.host.app.connections import Connections
from local.host.app.expressions import has_expression, render
from local.host.app.protos import ModelBindingData, TypedData


class Inputs:
    """Reads what a function's input bindings name."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def __repr__(self) -> str:
        return f"<Inputs {self._connections!r}>"

    async def read(
        self, function: Function, values: Mapping[str, str]
    ) -> dict[str, TypedData | None]:
        """Values by binding name. Raises BindingFailed."""
        defers = may_defer(function)
        return {
            binding.name: await self._read(binding, render(binding.path, values), defers=defers)
            for binding in function.inputs
        }

    async def _read(self, binding: BlobInput, path: str, *, defers: bool) -> TypedData | None:
        container, _, blob = path.partition("/")
        if binding.deferred and defers:
            return deferred(binding.connection, container, blob)
        content = await self._connections.in_thread(
            self._download, binding.connection, container, blob
        )
        if content is None:
            return None
        if binding.data_type in ("binary", "stream"):
            return TypedData(bytes=content)
        # The real host reads text where no data type is given, and loses what is no UTF-8.
        return TypedData(string=content.decode("utf-8-sig", "replace"))

    def _download(self, connection: str, container: str, blob: str) -> bytes | None:
        from local.host.app import blob_content  # noqa: PLC0415 - the storage SDK, where it is needed

        return blob_content.download(self._connections.blobs(connection), container, blob)


def may_defer(function: Function) -> bool:
    """Whether SDK-type bindings arrive as such.

    The real host skips deferral where a deferred trigger stands beside a binding whose path has an
    expression: bytes are sent, and the app's converter raises. So it is here.
    """
    trigger = function.trigger
    if not (isinstance(trigger, BlobTrigger) and trigger.deferred):
        return True
    paths = (getattr(each, "path", "") for each in (*function.inputs, *function.outputs))
    return not any(has_expression(path) for path in paths)


def deferred(connection: str, container: str, blob: str) -> TypedData:
    """What the blob extension makes a client of."""
    content = {"Connection": connection, "ContainerName": container, "BlobName": blob}
    return TypedData(
        model_binding_data=ModelBindingData(
            version="1.0",
            source="AzureStorageBlobs",
            content_type="application/json",
            content=json.dumps(content).encode(),
        )
    )
