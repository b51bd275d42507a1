"""Authorizes HTTP requests, and hands each to the part that answers it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from local.emulators.servicebus import entra, sas
from local.emulators.servicebus.admin import atom
from local.emulators.servicebus.admin.administration import Administration
from local.emulators.servicebus.admin.errors import AdminError
from local.emulators.servicebus.connection import Connection
from local.emulators.servicebus.group_commit import GroupCommit
from local.emulators.servicebus.key_ring import KeyRing
from local.emulators.servicebus.sas import LISTEN, MANAGE, SEND, Grant, TokenRefused
from local.emulators.servicebus.web import websocket
from local.emulators.servicebus.web.admin_api import AdminApi
from local.emulators.servicebus.web.exchange import (
    Exchange,
    HttpError,
    Receive,
    Response,
    Scope,
    Send,
)
from local.emulators.servicebus.web.message_api import MessageApi, is_message_path

log = logging.getLogger(__name__)

_BEARER = "bearer "


class Routes:
    """An ASGI app."""

    def __init__(
        self,
        administration: Administration,
        keys: KeyRing,
        group_commit: GroupCommit,
        connect: Callable[[], Connection],
    ) -> None:
        self._admin = AdminApi(administration)
        self._messages = MessageApi(administration.namespace)
        self._keys = keys
        self._group_commit = group_commit
        self._connect = connect

    def __repr__(self) -> str:
        return "<Routes>"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await websocket.serve(scope, receive, send, self._connect())
            return
        exchange = Exchange(scope, receive, send)
        try:
            await self._answer(exchange)
        except (AdminError, HttpError) as error:
            await self._refuse(exchange, error.status, str(error))
        except Exception:
            log.exception("%r failed", exchange)
            await self._refuse(exchange, 500, "The emulator failed: see its log.")

    async def _answer(self, exchange: Exchange) -> None:
        body = await exchange.body()
        if is_message_path(exchange.path):
            is_send = exchange.method == "POST" and exchange.path.casefold().endswith("/messages")
            self._authorize(exchange, SEND if is_send else LISTEN)
            response = await self._messages.answer(exchange, body)
        else:
            self._authorize(exchange, MANAGE)
            response = self._admin.answer(exchange, body)
        await self._group_commit.committed()
        await exchange.respond(response)

    async def _refuse(self, exchange: Exchange, status: int, detail: str) -> None:
        body = atom.write_error(status, detail)
        await exchange.respond(Response(status, body, {"content-type": "application/xml"}))

    def _authorize(self, exchange: Exchange, right: str) -> None:
        """Raises HttpError."""
        token = exchange.headers.get("authorization", "")
        try:
            if not self._grant(token, exchange.path).covers(
                exchange.path, frozenset({right, MANAGE})
            ):
                raise HttpError(403, f"The token lacks the right {right!r} for {exchange.path!r}.")
        except TokenRefused as refusal:
            raise HttpError(401, str(refusal)) from refusal

    def _grant(self, token: str, path: str) -> Grant:
        """Raises TokenRefused."""
        if token.casefold().startswith(_BEARER):
            return Grant("", entra.verify(token[len(_BEARER) :], time.time()))
        if not token.startswith(sas.PREFIX):
            raise TokenRefused("The header Authorization has no token.")
        return self._keys.verify(token, path, time.time())
