"""Functions of sessions and topics. A message's body says what its function does."""

import asyncio
import json
import time
from typing import List  # noqa: UP035 - the platform refuses `list[…]` here

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

BINARY = func.DataType.BINARY


async def work(message: func.ServiceBusMessage) -> dict[str, object]:
    """Fails at its first `fails` deliveries."""
    asked = json.loads(message.get_body())
    begun = time.time()
    await asyncio.sleep(asked.get("sleeps", 0))
    if message.delivery_count <= asked.get("fails", 0):
        raise ValueError("not yet")
    return {
        "n": asked["n"],
        "session": message.session_id,
        "begun": begun,
        "ended": time.time(),
        "delivery_count": message.delivery_count,
    }


@app.service_bus_queue_trigger(
    "message", "Bus", "ordered", data_type=BINARY, is_sessions_enabled=True
)
@app.service_bus_topic_output("seen", "Bus", "results")
async def ordered(message: func.ServiceBusMessage, seen: func.Out[str]) -> None:
    seen.set(json.dumps(await work(message)))


@app.service_bus_topic_trigger(
    "messages",
    "Bus",
    "events",
    "large",
    data_type=BINARY,
    cardinality=func.Cardinality.MANY,
    is_sessions_enabled=True,
)
@app.service_bus_queue_output("seen", "Bus", "seen")
async def batches(
    messages: List[func.ServiceBusMessage],  # noqa: UP006 - as above
    seen: func.Out[str],
) -> None:
    done = [await work(message) for message in messages]
    seen.set(json.dumps([{**each, "together": len(done)} for each in done]))


@app.service_bus_topic_trigger("message", "Bus", "events", "all", data_type=BINARY)
@app.service_bus_queue_output("seen", "Bus", "plain")
async def plain(message: func.ServiceBusMessage, seen: func.Out[str]) -> None:
    seen.set(json.dumps(await work(message)))
