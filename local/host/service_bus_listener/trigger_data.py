"""The data and metadata of an invocation, for each data type and for SDK-type bindings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from local.host.app.bindings import DataType
from local.host.app.protos import TypedData
from local.host.service_bus_listener import message_data, message_reference
from local.host.service_bus_listener.incoming_message import IncomingMessage

#: An SDK-type binding takes references.
TriggerDataType = DataType | Literal["reference"]


def of_message(
    message: IncomingMessage, data_type: TriggerDataType
) -> tuple[TypedData, dict[str, TypedData]]:
    if data_type == "reference":
        data = message_reference.single_reference(message)
        return data, message_data.single_metadata(message.as_sdk, "binary")
    data = message_data.single_data(message.as_sdk, data_type)
    return data, message_data.single_metadata(message.as_sdk, data_type)


def of_batch(
    messages: Sequence[IncomingMessage], data_type: TriggerDataType
) -> tuple[TypedData, dict[str, TypedData]]:
    """SDK-type bindings read no metadata, so none is made for them. Raises UnfitBody."""
    if data_type == "reference":
        return message_reference.batch_references(messages), {}
    read = [message.as_sdk for message in messages]
    return message_data.batch_data(read, data_type), message_data.batch_metadata(read)
