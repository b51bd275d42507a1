"""The links of a connection. Each end numbers them itself: only their names are the same."""

from __future__ import annotations

from itertools import count
from typing import Protocol

from local.emulators.servicebus.amqp.composites import Composite
from local.emulators.servicebus.amqp.values import UInt


class AttachedLink(Protocol):
    name: str
    #: This end's number.
    handle: UInt

    def on_frame(self, performative: Composite, payload: bytes) -> None: ...

    def detach(self) -> None:
        """Send a detach, if none was sent."""

    def on_closed(self, error: Exception) -> None:
        """Called when the link or its connection has ended."""


class LinkTable:
    """From a link's attach until both ends have detached it: its handle is then free again."""

    def __init__(self) -> None:
        self._by_handle: dict[int, AttachedLink] = {}
        self._by_name: dict[str, AttachedLink] = {}
        self._by_peer_handle: dict[int, AttachedLink] = {}
        #: The largest handle that the peer takes.
        self.handle_max = 2**32 - 1

    def __repr__(self) -> str:
        return f"<LinkTable {len(self._by_handle)} links>"

    def add(self, link: AttachedLink) -> int:
        """Returns the lowest free handle. Raises ConnectionError if the peer takes no more."""
        handle = next(each for each in count() if each not in self._by_handle)
        if handle > self.handle_max:
            raise ConnectionError(f"the peer takes only {self.handle_max + 1} links")
        self._by_handle[handle] = self._by_name[link.name] = link
        return handle

    def bind(self, name: str, peer_handle: int) -> AttachedLink | None:
        """On the peer's attach. None for a link that was not attached here."""
        if (link := self._by_name.get(name)) is not None:
            self._by_peer_handle[peer_handle] = link
        return link

    def find(self, peer_handle: int) -> AttachedLink | None:
        return self._by_peer_handle.get(peer_handle)

    def remove(self, peer_handle: int) -> AttachedLink | None:
        """On the peer's detach."""
        link = self._by_peer_handle.pop(peer_handle, None)
        if link is not None:
            del self._by_handle[link.handle], self._by_name[link.name]
        return link

    def clear(self) -> list[AttachedLink]:
        """Returns the links that were in it."""
        links = list(self._by_handle.values())
        for each in (self._by_handle, self._by_name, self._by_peer_handle):
            each.clear()
        return links
