"""The server: accepts connections and attaches each link to the node that its address names."""

from __future__ import annotations

import asyncio
import logging
import time
from functools import partial

from local.emulators.servicebus import cbs, management, message_conversion
from local.emulators.servicebus.amqp.errors import (
    NOT_ALLOWED,
    NOT_FOUND,
    NOT_IMPLEMENTED,
    UNAUTHORIZED_ACCESS,
    AmqpError,
)
from local.emulators.servicebus.amqp.outcomes import COORDINATOR, Accepted, Outcome, Source, Target
from local.emulators.servicebus.amqp.performatives import Attach
from local.emulators.servicebus.amqp.values import Described, Symbol, ULong
from local.emulators.servicebus.broker.errors import NotAllowed, StoreError
from local.emulators.servicebus.broker.message_queue import MessageQueue
from local.emulators.servicebus.broker.namespace import Namespace
from local.emulators.servicebus.broker.store import Store
from local.emulators.servicebus.broker.topic import SUBSCRIPTIONS, Topic
from local.emulators.servicebus.config import Config
from local.emulators.servicebus.connection import Connection
from local.emulators.servicebus.consumer import Consumer
from local.emulators.servicebus.dispatcher import Dispatcher
from local.emulators.servicebus.group_commit import GroupCommit
from local.emulators.servicebus.incoming_link import IncomingLink
from local.emulators.servicebus.link import MAX_MESSAGE_SIZE, Link
from local.emulators.servicebus.property_conversion import AmqpProperties
from local.emulators.servicebus.request_response import Handler, ReplyLink, ReplyLinks, RequestNode
from local.emulators.servicebus.sas import AccessKey, path_of
from local.emulators.servicebus.session import Session
from local.emulators.servicebus.session_consumer import SESSION_FILTER, SessionConsumer
from local.emulators.servicebus.token_expiry import TokenExpiry

log = logging.getLogger(__name__)

#: The key of Microsoft's emulator, as in every connection string for it.
KEYS = (AccessKey("RootManageSharedAccessKey", "SAS_KEY_VALUE"),)

_MANAGEMENT = "/$management"
_BATCH_SIZE = Symbol("com.microsoft:max-message-batch-size")


def now_ms() -> int:
    """Wall-clock time: clients see it, and it must survive a restart."""
    return time.time_ns() // 1_000_000


class Server:
    """Serves from `start` to `stop`."""

    def __init__(self, config: Config, store: Store) -> None:
        self._loop = asyncio.get_running_loop()
        self._store = store
        self._failed: asyncio.Future[None] = self._loop.create_future()
        self.group_commit = GroupCommit(self._loop, store, self._fail)
        self.namespace = Namespace(store, AmqpProperties(), now_ms)
        self.connections: set[Connection] = set()
        self._dispatchers: dict[MessageQueue, Dispatcher] = {}
        self.namespace.on_added = self._entity_added
        self.namespace.on_removed = self._entity_removed
        for queue in config.queues:
            self.namespace.add_queue(queue)
        for topic in config.topics:
            self.namespace.add_topic(topic)
        self.namespace.restore()
        self._server: asyncio.Server | None = None

    def __repr__(self) -> str:
        return f"<Server of {self.namespace!r}: {len(self.connections)} connections>"

    async def start(self, host: str, port: int) -> None:
        """Raises OSError if the port is taken."""
        self._server = await self._loop.create_server(self._connection, host, port)

    async def failed(self) -> None:
        """Wait until the store fails, and raise its StoreError."""
        await asyncio.shield(self._failed)

    async def stop(self) -> None:
        """Close all connections and commit."""
        if self._server is not None:
            self._server.close()
        for connection in list(self.connections):
            connection.close()
        self.group_commit.run()
        if self._server is not None:
            await self._server.wait_closed()
        for dispatcher in self._dispatchers.values():
            dispatcher.close()

    def _connection(self) -> Connection:
        replies = ReplyLinks()
        connection = Connection(
            self.group_commit,
            self._loop,
            lambda session, attach: self._attach(connection, replies, session, attach),
            lambda lost: self._lost(lost, watch),
        )
        watch = TokenExpiry(connection.grants, connection.links, self._loop, time.time)
        self.connections.add(connection)
        return connection

    def _lost(self, connection: Connection, watch: TokenExpiry) -> None:
        watch.close()
        self.connections.discard(connection)

    def _entity_added(self, queue: MessageQueue) -> None:
        self._dispatchers[queue] = Dispatcher(queue, self.group_commit, self._loop, now_ms)

    def _entity_removed(self, queue: MessageQueue) -> None:
        self._dispatchers.pop(queue).close()
        gone = AmqpError(NOT_FOUND, f"The messaging entity {queue.path!r} was deleted.")
        for connection in self.connections:
            for link in list(connection.links()):
                if _without_management(link.path or "").casefold() == queue.path.casefold():
                    link.detach(gone)

    def _fail(self, error: StoreError) -> None:
        if not self._failed.done():
            self._failed.set_exception(error)

    # -- attaching links -----------------------------------------------------------------------

    def _attach(
        self, connection: Connection, replies: ReplyLinks, session: Session, attach: Attach
    ) -> Link:
        """Raises AmqpError to refuse the link."""
        source, target = _source(attach), _target(attach)
        address = (source.address if attach.role else target.address) or ""
        path = path_of(address)
        if path.casefold() == cbs.NODE:
            handle = cbs.CbsNode(KEYS, connection.grants, time.time, self._exists).handle
            keys = cbs.STATUS_KEYS
            return _request_link(cbs.NODE, session, attach, replies, target, handle, keys)
        queue = self._authorize(connection, path)
        if path.casefold().endswith(_MANAGEMENT):
            node = f"{queue.path.casefold()}{_MANAGEMENT}"
            handle, keys = management.ManagementNode(queue, now_ms).handle, management.STATUS_KEYS
            link = _request_link(node, session, attach, replies, target, handle, keys)
        else:
            link = self._queue_link(queue, session, attach, source)
        link.path = path
        return link

    def _authorize(self, connection: Connection, path: str) -> MessageQueue:
        if not connection.grants.allow(path, time.time()):
            raise AmqpError(UNAUTHORIZED_ACCESS, f"No token that was sent allows {path!r}.")
        entity = _without_management(path)
        queue = self.namespace.find(entity)
        if queue is None:
            raise AmqpError(NOT_FOUND, f"The messaging entity {entity!r} could not be found.")
        return queue

    def _queue_link(
        self, queue: MessageQueue, session: Session, attach: Attach, source: Source
    ) -> Link:
        if attach.role:
            return self._consumer_link(queue, session, attach, source)
        if self.namespace.find_target(queue.path) is not queue:
            raise AmqpError(
                NOT_ALLOWED, f"Nothing can be sent to {queue.path!r}: it is no queue and no topic."
            )
        properties = {_BATCH_SIZE: ULong(MAX_MESSAGE_SIZE)}
        return IncomingLink(session, attach, partial(_publish, queue), properties)

    def _consumer_link(
        self, queue: MessageQueue, session: Session, attach: Attach, source: Source
    ) -> Link:
        if isinstance(queue, Topic):
            raise AmqpError(
                NOT_ALLOWED,
                f"{queue.path!r} is a topic: receive from one of its subscriptions, "
                f"{queue.path}{SUBSCRIPTIONS}NAME.",
            )
        dispatcher = self._dispatchers[queue]
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
        return self.namespace.find(_without_management(path)) is not None


def _publish(queue: MessageQueue, message: bytes, message_format: int | None) -> Outcome:
    try:
        queue.send_all(message_conversion.read_transfer(message, message_format))
    except NotAllowed as error:
        raise AmqpError(NOT_ALLOWED, str(error)) from error
    return Accepted()


def _request_link(
    node: str,
    session: Session,
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


def _without_management(path: str) -> str:
    return path[: -len(_MANAGEMENT)] if path.casefold().endswith(_MANAGEMENT) else path


def _source(attach: Attach) -> Source:
    return Source.of(attach.source.value) if isinstance(attach.source, Described) else Source()


def _target(attach: Attach) -> Target:
    target = attach.target
    if not isinstance(target, Described):
        return Target()
    if target.descriptor == COORDINATOR:
        raise AmqpError(NOT_IMPLEMENTED, "This emulator has no transactions.")
    return Target.of(target.value)
