"""Messages as the real host passes them to SDK-type bindings: a lock token and the AMQP bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from local.emulators.servicebus.amqp.encoding import encode
from local.emulators.servicebus.amqp.values import UInt
from local.host.app.protos import CollectionModelBindingData, ModelBindingData, TypedData
from local.host.service_bus_listener.incoming_message import IncomingMessage


def single_reference(message: IncomingMessage) -> TypedData:
    return TypedData(model_binding_data=_reference(message))


def batch_references(messages: Sequence[IncomingMessage]) -> TypedData:
    return TypedData(
        collection_model_binding_data=CollectionModelBindingData(
            model_binding_data=[_reference(message) for message in messages]
        )
    )


def _reference(message: IncomingMessage) -> ModelBindingData:
    """As .NET's SDK encodes it: its delivery count includes this delivery."""
    before = message.header.delivery_count or 0
    header = replace(message.header, delivery_count=UInt(before + 1))
    return ModelBindingData(
        version="1.0",
        source="AzureServiceBusReceivedMessage",
        content_type="application/octet-stream",
        content=b"".join(
            (
                message.delivery.tag,
                encode(header.described()),
                message.delivery.content[message.after_header :],
            )
        ),
    )
