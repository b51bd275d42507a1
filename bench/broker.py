"""Measures the Service Bus emulator alone: 100,000 messages in and out through Microsoft's SDK."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from azure.servicebus import ServiceBusClient, ServiceBusMessage

from bench.errors import BenchError
from bench.places import free_port
from bench.results import Figure
from local.emulators.child import Child
from local.emulators.service_bus_emulator import ServiceBusEmulator

QUEUE = "scoring-requests"
MESSAGES, BODY = 100_000, bytes(1_000)
#: Messages of one transfer, and of one receive.
TOGETHER = 100
#: Seconds to start, and seconds in which the file has shrunk after the last message.
START_S, SHRINK_S = 20.0, 15.0

SENT, RECEIVED = "broker, messages sent", "broker, messages received and completed"
MEMORY, FILE = "broker, memory", "broker, file after"


def measure(notify: Callable[[str], None], messages: int = MESSAGES) -> dict[str, Figure]:
    """One round. Memory is the highest, file the size once all messages were completed."""
    with TemporaryDirectory() as folder:
        emulator = ServiceBusEmulator(Path(folder), free_port())
        process = Child(
            emulator.command(), log=Path(folder) / "log", env=dict(emulator.environment())
        )
        try:
            _wait(emulator.is_healthy, START_S)
            with ServiceBusClient.from_connection_string(emulator.connection_string) as client:
                notify(f"{messages:,} messages to the broker")
                sent = _send(client, messages)
                notify(f"{messages:,} messages from the broker")
                received = _receive(client, messages)
            file = Path(folder) / "servicebus.db"
            _wait(lambda: file.stat().st_size < 10e6, SHRINK_S)
            return {
                SENT: Figure("messages/s", (sent,)),
                RECEIVED: Figure("messages/s", (received,)),
                MEMORY: Figure("MB", (_peak_mb(process.pid),)),
                FILE: Figure("MB", (file.stat().st_size / 1e6,)),
            }
        finally:
            process.stop()


def _send(client: ServiceBusClient, messages: int) -> float:
    """Messages a second."""
    began = time.perf_counter()
    with client.get_queue_sender(QUEUE) as sender:
        for _ in range(messages // TOGETHER):
            sender.send_messages([ServiceBusMessage(BODY) for _ in range(TOGETHER)])
    return messages / (time.perf_counter() - began)


def _receive(client: ServiceBusClient, messages: int) -> float:
    """Messages a second, each completed."""
    began, received = time.perf_counter(), 0
    with client.get_queue_receiver(QUEUE, prefetch_count=TOGETHER) as receiver:
        while received < messages:
            wanted = min(TOGETHER, messages - received)
            if not (some := receiver.receive_messages(wanted, max_wait_time=10)):
                raise BenchError(f"{received:,} of {messages:,} messages came from the broker")
            for message in some:
                receiver.complete_message(message)
            received += len(some)
    return messages / (time.perf_counter() - began)


def _peak_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmHWM"))) / 1024


def _wait(condition: Callable[[], bool], seconds: float) -> None:
    """Until the condition holds, or the time is over."""
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.1)
