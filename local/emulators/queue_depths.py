"""How many messages wait in the queues of a Service Bus emulator, by its administration API."""

from __future__ import annotations

import time
import urllib.request
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from local.emulators.ports import HOST
from local.emulators.servicebus.key_ring import DEFAULT_KEY
from local.emulators.servicebus.sas import sign_token

_TIMEOUT_S = 2.0
_COUNTS = ("ActiveMessageCount", "ScheduledMessageCount", "DeadLetterMessageCount")


@dataclass(frozen=True, slots=True)
class QueueDepth:
    """`active` messages can be received, `scheduled` ones later; `dead` ones are dead-lettered."""

    name: str
    active: int
    scheduled: int
    dead: int

    def __str__(self) -> str:
        others = [(self.scheduled, "scheduled"), (self.dead, "dead")]
        rest = "".join(f" +{amount} {what}" for amount, what in others if amount)
        return f"{self.name} {self.active}{rest}"


def read_queue_depths(port: int) -> list[QueueDepth]:
    """Raises OSError if the emulator does not answer."""
    root = f"http://{HOST}:{port}"
    token = sign_token(DEFAULT_KEY, root, int(time.time()) + 60)
    request = urllib.request.Request(  # noqa: S310 - a fixed scheme
        f"{root}/$Resources/queues", headers={"Authorization": token}
    )
    with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as response:  # noqa: S310
        feed = ET.fromstring(response.read())  # noqa: S314 - our own emulator's answer
    return [_depth(entry) for entry in feed.iterfind("{*}entry")]


def _depth(entry: ET.Element) -> QueueDepth:
    counts = [int(entry.findtext(f".//{{*}}{name}") or 0) for name in _COUNTS]
    return QueueDepth(entry.findtext("{*}title") or "", *counts)
