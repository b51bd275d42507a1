"""Output bindings: blobs, and messages to Service Bus queues and topics."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from local.host.app.bindings import BlobOutput, Function, Identity, ServiceBusOutput
from local.host.app.connections import Connections
from local.host.app.expressions import render
from local.host.app.protos import TypedData
from local.host.app.runtime import Outcome

if TYPE_CHECKING:
    from local.host.app.message_sender import MessageSender


class Outputs:
    """Sends the values that a function set in its outputs."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._senders: dict[tuple[str, str], MessageSender] = {}

    def __repr__(self) -> str:
        return f"<Outputs {len(self._senders)} senders>"

    async def send(
        self,
        function: Function,
        outcome: Outcome,
        values: Mapping[str, str],
        *,
        identities: Sequence[Identity],
    ) -> None:
        """Return once everything is stored or accepted. Raises BindingFailed."""
        for binding in function.other_outputs:
            data = outcome.get(binding.name)
            if data is None:
                continue
            match binding:
                case BlobOutput():
                    path = render(binding.path, values)
                    await self._connections.in_thread(
                        self._upload, binding.connection, path, content_of(data)
                    )
                case ServiceBusOutput():
                    await self._sender(binding).send(
                        data, f"{function.name}\n{binding.name}", identities
                    )

    async def close(self) -> None:
        await asyncio.gather(*(sender.close() for sender in self._senders.values()))
        self._senders.clear()

    def _sender(self, binding: ServiceBusOutput) -> MessageSender:
        key = binding.connection, binding.entity
        if key not in self._senders:
            # The SDKs are imported only if needed: together they take as long as loading an app.
            from local.host.app.message_sender import MessageSender  # noqa: PLC0415

            self._senders[key] = MessageSender(self._connections, *key)
        return self._senders[key]

    def _upload(self, connection: str, path: str, content: bytes) -> None:
        from local.host.app import blob_content  # noqa: PLC0415 - as above

        container, _, blob = path.partition("/")
        blob_content.upload(self._connections.blobs(connection), container, blob, content)


def content_of(data: TypedData) -> bytes:
    """A blob's content: text as UTF-8."""
    match data.WhichOneof("data"):
        case "bytes":
            return bytes(data.bytes)
        case "string":
            return str(data.string).encode()
        case "json":
            return str(data.json).encode()
    return b""
