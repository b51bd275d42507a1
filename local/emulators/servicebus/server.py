"""The server: its namespace, its connections, and the commits between them."""

from __future__ import annotations

import asyncio
import ssl
import time

from local.emulators.servicebus.admin.administration import Administration
from local.emulators.servicebus.amqp.errors import NOT_FOUND, AmqpError
from local.emulators.servicebus.broker.errors import StoreError
from local.emulators.servicebus.broker.message_queue import MessageQueue
from local.emulators.servicebus.broker.namespace import Namespace
from local.emulators.servicebus.broker.store import Store
from local.emulators.servicebus.config import Config
from local.emulators.servicebus.connection import Connection
from local.emulators.servicebus.dispatcher import Dispatcher
from local.emulators.servicebus.front_door import FrontDoor
from local.emulators.servicebus.group_commit import GroupCommit
from local.emulators.servicebus.idle_entities import SWEEP_EVERY_S, IdleEntities
from local.emulators.servicebus.key_ring import DEFAULT_KEY, KeyRing
from local.emulators.servicebus.link import Link
from local.emulators.servicebus.link_factory import LinkFactory, without_management
from local.emulators.servicebus.property_conversion import AmqpProperties
from local.emulators.servicebus.request_response import ReplyLinks
from local.emulators.servicebus.sas import AccessKey
from local.emulators.servicebus.token_expiry import TokenExpiry
from local.emulators.servicebus.web.web_server import WebServer

#: Seconds between two looks at the file's free pages, and while there are more to give back.
_SHRINK_EVERY_S, _SHRINK_AGAIN_S = 5.0, 0.25


def now_ms() -> int:
    """Wall-clock time: clients see it, and it must survive a restart."""
    return time.time_ns() // 1_000_000


class Server:
    """Serves from `start` to `stop`."""

    def __init__(self, config: Config, store: Store, keys: tuple[AccessKey, ...] = ()) -> None:
        self._loop = asyncio.get_running_loop()
        self._store = store
        self._failed: asyncio.Future[None] = self._loop.create_future()
        self.group_commit = GroupCommit(self._loop, store, self._fail)
        self.namespace = Namespace(store, AmqpProperties(), now_ms)
        self.connections: set[Connection] = set()
        self._dispatchers: dict[MessageQueue, Dispatcher] = {}
        self._add_entities(config)
        key_ring = KeyRing((DEFAULT_KEY, *keys), self.namespace)
        self._links = LinkFactory(
            self.administration, key_ring, self._dispatchers.__getitem__, self._loop, now_ms
        )
        self._web = WebServer(self.administration, key_ring, self.group_commit, self.connection)
        self._listeners: list[asyncio.Server] = []
        self._shrinking: asyncio.TimerHandle | None = None
        self._sweeping: asyncio.TimerHandle | None = None
        self._idle = IdleEntities(
            self.namespace, self._last_used_ms, self.administration.delete, now_ms
        )

    def __repr__(self) -> str:
        return f"<Server of {self.namespace!r}: {len(self.connections)} connections>"

    async def start(self, host: str, port: int) -> None:
        """Raises OSError if the port is taken."""
        await self.listen(host, port)
        self._shrink()
        self._sweep()

    async def listen(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> None:
        """Accept connections on one more port. Raises OSError if it is taken."""
        self._listeners.append(
            await self._loop.create_server(
                lambda: FrontDoor(self.connection, self._web.protocol), host, port, ssl=tls
            )
        )

    async def failed(self) -> None:
        """Wait until the store fails, and raise its StoreError."""
        await asyncio.shield(self._failed)

    async def stop(self) -> None:
        """Close all connections and commit."""
        for timer in (self._shrinking, self._sweeping):
            if timer is not None:
                timer.cancel()
        for listener in self._listeners:
            listener.close()
        for connection in list(self.connections):
            connection.close()
        self._web.close()
        self.group_commit.run()
        for listener in self._listeners:
            await listener.wait_closed()
        for dispatcher in self._dispatchers.values():
            dispatcher.close()

    def connection(self) -> Connection:
        """A new peer's connection."""
        replies = ReplyLinks()
        connection = Connection(
            self.group_commit,
            self._loop,
            lambda session, attach: self._links.attach(
                connection.grants, connection.transactions, replies, session, attach
            ),
            lambda lost: self._lost(lost, watch),
        )
        watch = TokenExpiry(connection.grants, connection.links, self._loop, time.time)
        self.connections.add(connection)
        return connection

    def _lost(self, connection: Connection, watch: TokenExpiry) -> None:
        watch.close()
        self.connections.discard(connection)

    def _add_entities(self, config: Config) -> None:
        self.namespace.on_added = self._entity_added
        self.namespace.on_removed = self._entity_removed
        for queue in config.queues:
            self.namespace.add_queue(queue)
        for topic in config.topics:
            self.namespace.add_topic(topic)
        self.administration = Administration(self.namespace, self._store)
        self.administration.restore()
        self.namespace.restore()

    def _entity_added(self, queue: MessageQueue) -> None:
        self._dispatchers[queue] = Dispatcher(queue, self.group_commit, self._loop, now_ms)

    def _entity_removed(self, queue: MessageQueue) -> None:
        self._dispatchers.pop(queue).close()
        gone = AmqpError(NOT_FOUND, f"The messaging entity {queue.path!r} was deleted.")
        for link in self._links_of(queue):
            link.detach(gone)

    def _links_of(self, queue: MessageQueue) -> list[Link]:
        return [
            link
            for connection in self.connections
            for link in connection.links()
            if without_management(link.path or "").casefold() == queue.path.casefold()
        ]

    def _last_used_ms(self, queue: MessageQueue) -> int:
        """A link counts as use."""
        return now_ms() if self._links_of(queue) else self._dispatchers[queue].used_ms

    def _sweep(self) -> None:
        if self._idle.sweep():
            self.group_commit.run()
        self._sweeping = self._loop.call_later(SWEEP_EVERY_S, self._sweep)

    def _shrink(self) -> None:
        try:
            pause_s = _SHRINK_AGAIN_S if self._store.shrink() else _SHRINK_EVERY_S
        except StoreError as error:
            self._fail(error)
            return
        self._shrinking = self._loop.call_later(pause_s, self._shrink)

    def _fail(self, error: StoreError) -> None:
        if not self._failed.done():
            self._failed.set_exception(error)
