"""Redis as Azure runs it: a token expires, and then the server closes its connections."""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Sequence
from typing import Self

from redis import Redis

from local.emulators.ports import HOST
from tests.identity_endpoint import Token

AUDIENCE = "https://redis.azure.com"


class ExpiringUsers:
    """Keeps users of Redis servers, one for each token, for as long as the token lives."""

    def __init__(self, ports: Sequence[int]) -> None:
        self._admins = [Redis(HOST, port, decode_responses=True) for port in ports]
        self._alive: list[tuple[float, str]] = []
        self._changed = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._watch)
        #: Users whose time was over.
        self.ended = 0

    def __enter__(self) -> Self:
        for admin in self._admins:
            # A disk that is slow to sync would hold up who signs in.
            admin.config_set("appendonly", "no")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()
        for admin in self._admins:
            admin.close()

    def admit(self, token: Token) -> None:
        """Let a client sign in with the token, if the token is for Redis."""
        if token.audience != AUDIENCE:
            return
        for admin in self._admins:
            admin.execute_command(
                "ACL", "SETUSER", token.oid, "on", f">{token.value}", "~*", "+@all"
            )
        with self._changed:
            heapq.heappush(self._alive, (token.ends_at, token.oid))
            self._changed.notify()

    def connections(self) -> set[tuple[int, str]]:
        """Those of all users: server and id."""
        return {
            (number, client["id"])
            for number, admin in enumerate(self._admins)
            for client in admin.client_list()
            if client["user"].startswith("identity-")
        }

    def _watch(self) -> None:
        with self._changed:
            while not self._closing:
                if not self._alive:
                    self._changed.wait()
                    continue
                if (left_s := self._alive[0][0] - time.time()) > 0:
                    self._changed.wait(left_s)
                    continue
                _, user = heapq.heappop(self._alive)
                for admin in self._admins:
                    # This closes the connections of the user.
                    admin.acl_deluser(user)
                self.ended += 1
