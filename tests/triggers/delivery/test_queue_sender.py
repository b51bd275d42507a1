"""Messages that are sent without an output binding."""

from __future__ import annotations

from contextlib import nullcontext
from unittest.mock import Mock

import pytest

from triggers.bus_entity import BusEntity
from triggers.delivery.output_queue import QueueSender


@pytest.mark.parametrize(
    ("document", "session_id"), [("{}", "m"), ('{"session_id": "ada"}', "ada")]
)
def test_a_document_has_a_session_for_queues_that_require_one(
    monkeypatch: pytest.MonkeyPatch, document: str, session_id: str
) -> None:
    link = Mock()
    monkeypatch.setattr(BusEntity, "sender", lambda *_: nullcontext(link))
    sender = QueueSender({}, BusEntity("out"))
    monkeypatch.setattr(sender, "_client", lambda _: nullcontext(None))
    sender.send(document, "m")
    (message,) = link.send_messages.call_args.args
    assert message.session_id == session_id
