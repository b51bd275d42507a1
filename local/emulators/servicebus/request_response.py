"""Requests and their replies over a pair of links, as `$cbs` and `$management` have them."""

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
from local.emulators.servicebus.links import OutgoingLink, SessionPort

log = logging.getLogger(__name__)

#: Replies kept for a peer that gives no credit to receive them; the oldest go first.
_MOST_WAITING = 1000


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
    #: What the SDK makes an exception of.
    condition: str | None = None


type Handler = Callable[[Request], Reply]


class ReplyLink:
    """A link that takes replies away, kept until the peer gives credit for them."""

    def __init__(self, session: SessionPort, attach: Attach, node: str, address: str) -> None:
        self.node = node
        self.address = address
        self.session = session
        self.on_closed: Callable[[ReplyLink], None] = lambda _: None
        self._waiting: deque[bytes] = deque(maxlen=_MOST_WAITING)
        self._sent = 0
        self.link = OutgoingLink(session, attach, self, presettled=True)

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
    """Those of one connection."""

    def __init__(self) -> None:
        self._links: list[ReplyLink] = []

    def __repr__(self) -> str:
        return f"<ReplyLinks: {len(self._links)}>"

    def add(self, link: ReplyLink) -> None:
        self._links.append(link)
        link.on_closed = self._links.remove

    def find(self, session: SessionPort, node: str, reply_to: str | None) -> ReplyLink | None:
        """The link a reply-to names; else one of the same node, in the same session if possible.

        The Python SDK names the node itself at every link's both ends, or nothing at all; the
        JavaScript SDK names each reply link.
        """
        of_node = [link for link in self._links if link.node == node]
        named = [link for link in of_node if reply_to and link.address == reply_to]
        near = [link for link in of_node if link.session is session]
        return next((link for link in (*_near(named, session), *named, *near, *of_node)), None)


def _near(links: list[ReplyLink], session: SessionPort) -> list[ReplyLink]:
    return [link for link in links if link.session is session]


class RequestNode:
    """Takes the requests of one incoming link, and sends each reply where it belongs.

    `status_keys` are the names that the node has for status, description and condition.
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

    def receive(self, message: bytes, _: int | None) -> Outcome:
        """Raises DecodeError for what is not a message."""
        properties = sections.take_apart(message).properties
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
            log.warning("a reply of %s has no link to go to", self._node)
        else:
            link.send(self._encoded(reply, properties.message_id))
        return Accepted()

    def _encoded(self, reply: Reply, correlation_id: Any) -> bytes:
        status, description, condition = self._status_keys
        application: dict[str, Value] = {status: Int(reply.status), description: reply.description}
        if reply.condition is not None:
            application[condition] = Symbol(reply.condition)
        return sections.request_response(
            Properties(correlation_id=correlation_id), application, reply.body
        )
