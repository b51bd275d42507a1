"""Service Bus functions, each for one rule."""

import asyncio
import json
import logging
from typing import List  # noqa: UP035 - the platform refuses `list[…]` here

import azure.functions as func
from azure.servicebus import ServiceBusReceivedMessage
from azurefunctions.extensions.base import Datum, InConverter, SdkType

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

log = logging.getLogger(__name__)

BINARY = func.DataType.BINARY


def described(message: func.ServiceBusMessage) -> dict[str, object]:
    return {
        "body": message.get_body().decode("latin-1"),
        "message_id": message.message_id,
        "correlation_id": message.correlation_id,
        "content_type": message.content_type,
        "subject": message.subject,
        "delivery_count": message.delivery_count,
        "sequence_number": message.sequence_number,
        "properties": message.application_properties,
        "enqueued": message.enqueued_time_utc.isoformat(),
    }


@app.service_bus_queue_trigger("message", "Bus", "one", data_type=BINARY)
@app.service_bus_queue_output("seen", "Bus", "seen")
async def one(message: func.ServiceBusMessage, seen: func.Out[str]) -> None:
    if message.get_body() == b"long":
        await asyncio.sleep(7)
    if message.get_body() == b"slow":
        log.info("slow has begun")
        await asyncio.sleep(2)
    if message.get_body() == b"fails":
        raise ValueError("never works")
    seen.set(json.dumps(described(message)))


@app.service_bus_queue_trigger("message", "Bus", "text")
@app.service_bus_queue_output("seen", "Bus", "seen")
def text(message: func.ServiceBusMessage, seen: func.Out[str]) -> None:
    seen.set(json.dumps(described(message)))


@app.service_bus_queue_trigger(
    "messages", "Bus", "many", data_type=BINARY, cardinality=func.Cardinality.MANY
)
@app.service_bus_queue_output("seen", "Bus", "seen")
async def many(
    messages: List[func.ServiceBusMessage],  # noqa: UP006 - as above
    seen: func.Out[str],
) -> None:
    log.info("a batch of %d", len(messages))
    seen.set(json.dumps([described(message) for message in messages]))
    if any(message.get_body() == b"once" and message.delivery_count == 1 for message in messages):
        await asyncio.sleep(0)
        raise ValueError("the first time fails")


@app.service_bus_queue_trigger("messages", "Bus", "untyped", cardinality=func.Cardinality.MANY)
@app.service_bus_queue_output("seen", "Bus", "seen")
async def untyped(
    messages: List[func.ServiceBusMessage],  # noqa: UP006 - as above
    seen: func.Out[str],
) -> None:
    seen.set(json.dumps([described(message) for message in messages]))


class Message(SdkType):
    """An SDK type, read by Microsoft's own decoder."""

    def __init__(self, content: bytes) -> None:
        self.token, self.read = content[:16], ServiceBusReceivedMessage.from_bytes(content[16:])


class MessageConverter(InConverter, binding="serviceBusTrigger", trigger="serviceBusTrigger"):
    @classmethod
    def check_input_type_annotation(cls, pytype: type) -> bool:
        return True

    @classmethod
    def decode(cls, data: Datum, *, trigger_metadata: object, pytype: object) -> object:
        if data.type == "model_binding_data":
            return Message(data.value.content)
        return [Message(each.content) for each in data.value.model_binding_data]


def described_sdk(message: Message) -> dict[str, object]:
    read = message.read
    return {
        "body": str(read),
        "message_id": read.message_id,
        "correlation_id": read.correlation_id,
        "session_id": read.session_id,
        "content_type": read.content_type,
        "subject": read.subject,
        "delivery_count": read.delivery_count,
        "sequence_number": read.sequence_number,
        "properties": {
            key.decode(): value.decode() if isinstance(value, bytes) else value
            for key, value in (read.application_properties or {}).items()
        },
        "same_token": message.token == read.lock_token.bytes_le,
        "enqueued": read.enqueued_time_utc.isoformat(),
    }


@app.service_bus_queue_trigger("message", "Bus", "sdk-one")
@app.service_bus_queue_output("seen", "Bus", "seen")
async def sdk_one(message: Message, seen: func.Out[str]) -> None:
    seen.set(json.dumps(described_sdk(message)))


@app.service_bus_queue_trigger("messages", "Bus", "sdk-many", cardinality=func.Cardinality.MANY)
@app.service_bus_queue_output("seen", "Bus", "seen")
async def sdk_many(
    messages: List[Message],  # noqa: UP006 - as above
    seen: func.Out[str],
) -> None:
    log.info("a batch of %d SDK types", len(messages))
    seen.set(json.dumps([described_sdk(message) for message in messages]))
    if any(
        message.read.delivery_count == 1 and str(message.read) == "once" for message in messages
    ):
        raise ValueError("the first time fails")


@app.route("send/{kind}", methods=["POST"])
@app.service_bus_queue_output("out", "Bus", "out")
def send(req: func.HttpRequest, out: func.Out[str]) -> func.HttpResponse:
    out.set(req.get_body() if req.route_params["kind"] == "bytes" else req.get_body().decode())
    return func.HttpResponse("sent")
