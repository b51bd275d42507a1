"""Messages that are sent without an output binding."""

from __future__ import annotations

from unittest.mock import Mock

import pytest
from azure.servicebus.exceptions import MessagingEntityNotFoundError, ServiceBusError

from triggers.bus_entity import BusEntity
from triggers.delivery.output_queue import Outgoing, QueueSender, is_of_all_messages


def test_a_message_has_its_ids_and_its_session(monkeypatch: pytest.MonkeyPatch) -> None:
    link = Mock()
    monkeypatch.setattr(BusEntity, "sender", lambda *_: link)
    sender = QueueSender({}, BusEntity("out"))
    monkeypatch.setattr(sender, "_client", lambda _: Mock())
    sender.send_all([Outgoing("{}", "m", "c", "s")])
    (message,) = link.send_messages.call_args.args
    assert (message.message_id, message.correlation_id, message.session_id) == ("m", "c", "s")
    assert link.send_messages.call_args.kwargs["timeout"] > 0


def test_a_refused_message_differs_from_a_queue_that_takes_none() -> None:
    assert is_of_all_messages(MessagingEntityNotFoundError())
    assert is_of_all_messages(ConnectionRefusedError())
    assert not is_of_all_messages(ServiceBusError("the session id is missing"))
    assert not is_of_all_messages(ValueError("too large"))
