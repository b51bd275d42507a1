"""The data and metadata of an invocation, for each data type and for SDK-type bindings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from azure.servicebus import ServiceBusReceivedMessage

from local.host.app.bindings import DataType
from local.host.app.protos import TypedData
from local.host.service_bus_listener import message_data, message_reference

#: An SDK-type binding takes references.
TriggerDataType = DataType | Literal["reference"]


def of_message(
    message: ServiceBusReceivedMessage, data_type: TriggerDataType
) -> tuple[TypedData, dict[str, TypedData]]:
    if data_type == "reference":
        data = message_reference.single_reference(message)
        return data, message_data.single_metadata(message, "binary")
    data = message_data.single_data(message, data_type)
    return data, message_data.single_metadata(message, data_type)


def of_batch(
    messages: Sequence[ServiceBusReceivedMessage], data_type: TriggerDataType
) -> tuple[TypedData, dict[str, TypedData]]:
    """SDK-type bindings read no metadata, so none is made for them. Raises UnfitBody."""
    if data_type == "reference":
        return message_reference.batch_references(messages), {}
    return message_data.batch_data(messages, data_type), message_data.batch_metadata(messages)
