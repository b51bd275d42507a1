"""The doctor and `requeue` where the app reads a subscription or sessions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.servicebus import ServiceBusMessage
from azure.servicebus.aio import ServiceBusClient

from deploy.app_settings import AppSettings, read
from deploy.doctor import service_bus
from deploy.requeue import Choice, requeue
from tests.local.emulators.servicebus_process import EmulatorProcess, running

SESSIONS = {"RequiresSession": True}
TOPICS = [
    {"Name": "orders", "Subscriptions": [{"Name": "scoring", "Properties": SESSIONS}]},
    {"Name": "scored", "Subscriptions": [{"Name": "all"}]},
]
SETTINGS = {
    "TRIGGERS": "http,servicebus",
    "INPUT_TOPIC_NAME": "orders",
    "INPUT_SUBSCRIPTION_NAME": "scoring",
    "OUTPUT_TOPIC_NAME": "scored",
    "IS_SESSIONS_ENABLED": "true",
}


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatorProcess]:
    with running(tmp_path_factory.mktemp("topics"), {"plain": {}}, TOPICS) as emulator:
        yield emulator


@pytest.fixture
async def client(emulator: EmulatorProcess) -> AsyncIterator[ServiceBusClient]:
    async with ServiceBusClient.from_connection_string(emulator.connection_string) as client:
        yield client


def app(emulator: EmulatorProcess, folder: Path, **settings: str) -> AppSettings:
    env = {"ServiceBusConnection": emulator.connection_string, **SETTINGS, **settings}
    return read(folder, env=env, file=folder / "none")


async def findings(found: AppSettings) -> list[str]:
    return [
        f"{each.message}; {each.fix}" if each.fix else each.message
        async for each in service_bus.check(found)
    ]


async def test_the_doctor_looks_at_topics_and_subscriptions(
    emulator: EmulatorProcess, tmp_path: Path
) -> None:
    assert await findings(app(emulator, tmp_path)) == [
        "subscription scoring of topic orders can be read: 0 messages wait, 0 are dead-lettered",
        "topic orders can be sent to",
        "topic scored can be sent to",
    ]


@pytest.mark.long
@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (
            {"IS_SESSIONS_ENABLED": "false"},
            "subscription scoring of topic orders requires sessions; set IS_SESSIONS_ENABLED=true",
        ),
        (
            {"INPUT_TOPIC_NAME": "", "INPUT_SUBSCRIPTION_NAME": "", "INPUT_QUEUE_NAME": "plain"},
            (
                "queue plain has no sessions; make it with RequiresSession, "
                "or set IS_SESSIONS_ENABLED=false"
            ),
        ),
        (
            {
                "INPUT_TOPIC_NAME": "",
                "INPUT_SUBSCRIPTION_NAME": "",
                "INPUT_QUEUE_NAME": "my-sessions",
            },
            "queue my-sessions does not exist; create it, or name another in INPUT_QUEUE_NAME",
        ),
        (
            {"OUTPUT_TOPIC_NAME": "gone"},
            "topic gone does not exist; create it, or name another in OUTPUT_TOPIC_NAME",
        ),
    ],
)
async def test_what_does_not_fit_the_settings_is_reported(
    emulator: EmulatorProcess, tmp_path: Path, settings: dict[str, str], says: str
) -> None:
    assert says in await findings(app(emulator, tmp_path, **settings))


async def test_a_dead_letter_is_sent_again_in_its_session(
    emulator: EmulatorProcess, client: ServiceBusClient, tmp_path: Path
) -> None:
    async with client.get_topic_sender("orders") as sender:
        await sender.send_messages(ServiceBusMessage("1", message_id="m", session_id="ada"))

    async def receive() -> Any:
        receiver = client.get_subscription_receiver("orders", "scoring", session_id="ada")
        async with asyncio.timeout(20), receiver:
            (message,) = await receiver.receive_messages(1, max_wait_time=10)
            await receiver.dead_letter_message(message, reason="tries")
        return message

    await receive()
    told: list[str] = []
    summary = await requeue(
        app(emulator, tmp_path), Choice(all=True), report=lambda each: told.append(each.status)
    )
    assert (summary.sent, told) == (1, ["sent"])
    again = await receive()
    assert (again.message_id, again.session_id, str(again)) == ("m", "ada", "1")
