"""Makes the link that an attach asks for: to a queue, its `$management` node, or `$cbs`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial

from local.emulators.servicebus import cbs, management, message_conversion
from local.emulators.servicebus.admin.administration import Administration
from local.emulators.servicebus.amqp.errors import (
    NOT_ALLOWED,
    NOT_FOUND,
    UNAUTHORIZED_ACCESS,
    AmqpError,
)
from local.emulators.servicebus.amqp.outcomes import COORDINATOR, Accepted, Outcome, Source, Target
from local.emulators.servicebus.amqp.performatives import Attach
from local.emulators.servicebus.amqp.values import Described, Symbol, ULong
from local.emulators.servicebus.broker.errors import NotAllowed
from local.emulators.servicebus.broker.lifecycle import Clock
from local.emulators.servicebus.broker.message_queue import MessageQueue
from local.emulators.servicebus.broker.topic import SUBSCRIPTIONS, Topic
from local.emulators.servicebus.consumer import Consumer
from local.emulators.servicebus.dispatcher import Dispatcher
from local.emulators.servicebus.incoming_link import IncomingLink
from local.emulators.servicebus.key_ring import KeyRing
from local.emulators.servicebus.link import MAX_MESSAGE_SIZE, Link, SessionPort
from local.emulators.servicebus.request_response import Handler, ReplyLink, ReplyLinks, RequestNode
from local.emulators.servicebus.sas import ALL_RIGHTS, LISTEN, MANAGE, SEND, Grants, path_of
from local.emulators.servicebus.session_consumer import SESSION_FILTER, SessionConsumer
from local.emulators.servicebus.transactions import Operation, Transactions

_MANAGEMENT = "/$management"
_ENTITY_DISABLED = Symbol("com.microsoft:entity-disabled")
_BATCH_SIZE = Symbol("com.microsoft:max-message-batch-size")


class LinkFactory:
    """Serves the connections of one server."""

    def __init__(
        self,
        administration: Administration,
        keys: KeyRing,
        dispatcher_of: Callable[[MessageQueue], Dispatcher],
        loop: asyncio.AbstractEventLoop,
        now_ms: Clock,
    ) -> None:
        self._administration = administration
        self._namespace = administration.namespace
        self._keys = keys
        self._dispatcher_of = dispatcher_of
        self._loop = loop
        self._now_ms = now_ms

    def __repr__(self) -> str:
        return f"<LinkFactory of {self._namespace!r}>"

    def attach(
        self,
        grants: Grants,
        transactions: Transactions,
        replies: ReplyLinks,
        session: SessionPort,
        attach: Attach,
    ) -> Link:
        """Raises AmqpError to refuse the link."""
        if _is_coordinator(attach):
            return IncomingLink(session, attach, transactions.receive)
        source, target = _source(attach), _target(attach)
        address = (source.address if attach.role else target.address) or ""
        path = path_of(address)
        if path.casefold() == cbs.NODE:
            handle = cbs.CbsNode(self._keys, grants, time.time, self._exists).handle
            keys = cbs.STATUS_KEYS
            return _request_link(cbs.NODE, session, attach, replies, target, handle, keys)
        rights = _rights_for(path, attach)
        queue = self._authorize(grants, path, rights)
        _require_enabled(queue, receives=bool(attach.role))
        if path.casefold().endswith(_MANAGEMENT):
            node = f"{queue.path.casefold()}{_MANAGEMENT}"
            handle, keys = (
                management.ManagementNode(queue, self._administration, self._now_ms).handle,
                management.STATUS_KEYS,
            )
            link = _request_link(node, session, attach, replies, target, handle, keys)
        else:
            link = self._queue_link(queue, transactions, session, attach, source)
        link.path, link.rights = path, rights
        return link

    def _authorize(self, grants: Grants, path: str, rights: frozenset[str]) -> MessageQueue:
        if not grants.allow(path, time.time(), rights):
            names = ", ".join(sorted(rights))
            raise AmqpError(
                UNAUTHORIZED_ACCESS,
                f"No token that was sent allows {path!r}: it needs one of the rights {names}.",
            )
        entity = without_management(path)
        queue = self._namespace.find(entity)
        if queue is None:
            raise AmqpError(NOT_FOUND, f"The messaging entity {entity!r} could not be found.")
        return queue

    def _queue_link(
        self,
        queue: MessageQueue,
        transactions: Transactions,
        session: SessionPort,
        attach: Attach,
        source: Source,
    ) -> Link:
        if attach.role:
            return self._consumer_link(queue, session, attach, source)
        if self._namespace.find_target(queue.path) is not queue:
            raise AmqpError(
                NOT_ALLOWED, f"Nothing can be sent to {queue.path!r}: it is no queue and no topic."
            )
        properties = {_BATCH_SIZE: ULong(MAX_MESSAGE_SIZE)}
        publish = partial(_publish, queue, transactions)
        return IncomingLink(session, attach, publish, properties)

    def _consumer_link(
        self, queue: MessageQueue, session: SessionPort, attach: Attach, source: Source
    ) -> Link:
        _require_receivable(queue)
        dispatcher = self._dispatcher_of(queue)
        consumer: Consumer
        if SESSION_FILTER in (source.filter or {}):
            if queue.sessions is None:
                raise AmqpError(
                    NOT_ALLOWED,
                    "A sessionful message receiver cannot be created on an entity that does not "
                    "require sessions. Ensure RequiresSession is set to true when creating a Queue "
                    "or Subscription to enable sessionful behavior.",
                )
            consumer = SessionConsumer(session, attach, source, dispatcher, self._loop)
        elif queue.sessions is not None:
            raise AmqpError(
                NOT_ALLOWED,
                "It is not possible for an entity that requires sessions to create a "
                "non-sessionful message receiver.",
            )
        else:
            consumer = Consumer(session, attach, dispatcher)
        consumer.start()
        return consumer.link

    def _exists(self, path: str) -> bool:
        return self._namespace.find(without_management(path)) is not None


def _publish(
    queue: MessageQueue,
    transactions: Transactions,
    message: bytes,
    message_format: int | None,
    txn_id: bytes | None,
) -> Outcome:
    _require_enabled(queue, receives=False)  # the status may have changed since the link opened
    drafts = message_conversion.read_transfer(message, message_format)
    try:
        queue.check(drafts)
    except NotAllowed as error:
        raise AmqpError(NOT_ALLOWED, str(error)) from error
    if txn_id is None:
        queue.send_all(drafts)
    else:
        transactions.add(txn_id, Operation(lambda: None, lambda: queue.send_all(drafts)))
    return Accepted()


def _request_link(
    node: str,
    session: SessionPort,
    attach: Attach,
    replies: ReplyLinks,
    target: Target,
    handle: Handler,
    status_keys: tuple[str, str, str],
) -> Link:
    if attach.role:
        reply = ReplyLink(session, attach, node, target.address or "")
        replies.add(reply)
        return reply.link
    requests = RequestNode(node, session, replies, handle, status_keys)
    return IncomingLink(session, attach, requests.receive)


def without_management(path: str) -> str:
    return path[: -len(_MANAGEMENT)] if path.casefold().endswith(_MANAGEMENT) else path


def _source(attach: Attach) -> Source:
    return Source.of(attach.source.value) if isinstance(attach.source, Described) else Source()


def _target(attach: Attach) -> Target:
    target = attach.target
    return Target.of(target.value) if isinstance(target, Described) else Target()


def _is_coordinator(attach: Attach) -> bool:
    target = attach.target
    return isinstance(target, Described) and target.descriptor == COORDINATOR


def _require_enabled(queue: MessageQueue, *, receives: bool) -> None:
    """Raises AmqpError if the entity's status forbids what the link is for."""
    status = queue.settings.properties.get("Status", "Active")
    if status in {"Disabled", "ReceiveDisabled" if receives else "SendDisabled"}:
        raise AmqpError(
            _ENTITY_DISABLED, f"Messaging entity {queue.path!r} is currently disabled: {status}."
        )


def _require_receivable(queue: MessageQueue) -> None:
    """Raises AmqpError if no client may receive from it."""
    if isinstance(queue, Topic):
        raise AmqpError(
            NOT_ALLOWED,
            f"{queue.path!r} is a topic: receive from one of its subscriptions, "
            f"{queue.path}{SUBSCRIPTIONS}NAME.",
        )
    if queue.forward is not None:
        raise AmqpError(
            NOT_ALLOWED,
            f"{queue.path!r} forwards its messages to {queue.settings.forward_to!r}: "
            "receive from there.",
        )


def _rights_for(path: str, attach: Attach) -> frozenset[str]:
    """The rights of which a token must have one."""
    if path.casefold().endswith(_MANAGEMENT):
        return ALL_RIGHTS
    return frozenset({MANAGE, LISTEN if attach.role else SEND})
