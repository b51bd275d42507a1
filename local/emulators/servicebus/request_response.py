"""Request/response links, as the nodes `$cbs` and `$management` use them: one link each way."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from local.emulators.servicebus.amqp import sections
from local.emulators.servicebus.amqp.outcomes import Accepted, Outcome
from local.emulators.servicebus.amqp.performatives import Attach
from local.emulators.servicebus.amqp.sections import Properties
from local.emulators.servicebus.amqp.values import Int, Symbol, Value
from local.emulators.servicebus.link import SessionPort
from local.emulators.servicebus.outgoing_link import OutgoingLink

log = logging.getLogger(__name__)

#: The most replies kept for a peer that gives no credit; the oldest are dropped first.
_MAX_WAITING = 1000


@dataclass(frozen=True, slots=True)
class Request:
    operation: str
    parameters: dict[Value, Value]
    body: Value


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    description: str = "OK"
    body: Value = field(default_factory=dict)
    #: The SDK raises an exception by it.
    condition: str | None = None


type Handler = Callable[[Request], Reply]


class ReplyLink:
    """Sends replies, and keeps them until the peer gives credit."""

    def __init__(self, session: SessionPort, attach: Attach, node: str, address: str) -> None:
        self.node = node
        self.address = address
        self.session = session
        self.on_closed: Callable[[ReplyLink], None] = lambda _: None
        self._waiting: deque[bytes] = deque(maxlen=_MAX_WAITING)
        self._sent = 0
        self.link = OutgoingLink(session, attach, self, presettled=True).open()

    def __repr__(self) -> str:
        return f"<ReplyLink of {self.node} to {self.address!r}>"

    def send(self, message: bytes) -> None:
        self._waiting.append(message)
        self.credit_given()

    def credit_given(self) -> None:
        while self._waiting and self.link.can_send():
            self._sent += 1
            self.link.send(self._waiting.popleft(), self._sent.to_bytes(8))

    def settled(self, tag: bytes, outcome: Outcome) -> Outcome:  # noqa: ARG002 - sent presettled
        return outcome

    def lock_lost(self, tag: bytes) -> None:
        """Replies are not locked."""

    def closed(self) -> None:
        self.on_closed(self)


class ReplyLinks:
    """The reply links of one connection."""

    def __init__(self) -> None:
        self._links: list[ReplyLink] = []

    def __repr__(self) -> str:
        return f"<ReplyLinks: {len(self._links)}>"

    def add(self, link: ReplyLink) -> None:
        self._links.append(link)
        link.on_closed = self._links.remove

    def find(self, session: SessionPort, node: str, reply_to: str | None) -> ReplyLink | None:
        """The link with the address `reply_to`, else one of the same node.

        Links of the same session are preferred. The JavaScript SDK gives each reply link an
        address; the Python SDK uses the node's address for both ends of every link, or none.
        """
        of_node = [link for link in self._links if link.node == node]
        named = [link for link in of_node if reply_to and link.address == reply_to]
        same_session = _of_session(of_node, session)
        return next(
            (link for link in (*_of_session(named, session), *named, *same_session, *of_node)), None
        )


def _of_session(links: list[ReplyLink], session: SessionPort) -> list[ReplyLink]:
    return [link for link in links if link.session is session]


class RequestNode:
    """Handles the requests of one incoming link and sends the replies.

    `status_keys` are the node's names for status, description and condition.
    """

    def __init__(
        self,
        node: str,
        session: SessionPort,
        replies: ReplyLinks,
        handle: Handler,
        status_keys: tuple[str, str, str],
    ) -> None:
        self._node = node
        self._session = session
        self._replies = replies
        self._handle = handle
        self._status_keys = status_keys

    def __repr__(self) -> str:
        return f"<RequestNode {self._node}>"

    def receive(self, message: bytes, _format: int | None, _txn_id: bytes | None) -> Outcome:
        """Raises DecodeError if the bytes are not a message."""
        properties = sections.split(message).properties
        parameters = sections.application_properties(message)
        operation = parameters.get("operation")
        request = Request(
            operation if isinstance(operation, str) else "",
            parameters,
            sections.value_body(message),
        )
        reply = self._handle(request)
        link = self._replies.find(self._session, self._node, properties.reply_to)
        if link is None:
            log.warning("a reply of %s is dropped: its connection has no reply link", self._node)
        else:
            link.send(self._encode(reply, properties.message_id))
        return Accepted()

    def _encode(self, reply: Reply, correlation_id: Any) -> bytes:
        status, description, condition = self._status_keys
        application: dict[str, Value] = {status: Int(reply.status), description: reply.description}
        if reply.condition is not None:
            application[condition] = Symbol(reply.condition)
        return sections.request_response(
            Properties(correlation_id=correlation_id), application, reply.body
        )
