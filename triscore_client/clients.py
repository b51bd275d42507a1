"""The two clients. They differ in how they send and wait, and in nothing else."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any, Self, Unpack

import httpx2

from triscore_client import exchanges
from triscore_client.errors import ClientError
from triscore_client.exchanges import Answer, Exchange, Queueing, Reply, Request, Scoring


class Client:
    """Blocks. One client can be used by several threads.

    `url`: the address of the app, with or without `/api`. `key`: a function key, if the app asks
    for one. `timeout_s`: of a call with its retries. Raises ClientError for an `url` or a `key`
    that can't be one.
    """

    def __init__(self, url: str, *, key: str = "", timeout_s: float = 60) -> None:
        self._timeout_s = timeout_s
        self._http = httpx2.Client(**http_options(url, key))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections, as the end of a `with` block does."""
        self._http.close()

    def score(self, rows: Any, **options: Unpack[Scoring]) -> Answer:
        """Score rows (see bodies.body_of) now. Raises Refused, AppUnavailable."""
        return self._run(exchanges.score(rows, self._timeout_s, **options))

    def enqueue(self, rows: Any, **options: Unpack[Queueing]) -> str:
        """Put rows on the queue. Returns the id of their result. Raises Refused, AppUnavailable."""
        return self._run(exchanges.enqueue(rows, self._timeout_s, **options))

    def result(self, request_id: str, timeout_s: float | None = None) -> dict[str, Any]:
        """Wait for a result; 0 asks once. Raises ScoringFailed, ResultPending, Refused."""
        return self._run(exchanges.result(request_id, self._timeout_s, timeout_s))

    def cancel(self, request_id: str) -> None:
        """Drop a request that waits, or end a blob's job. Raises Refused, AppUnavailable."""
        self._run(exchanges.cancel(request_id, self._timeout_s))

    def metrics(self) -> str:
        """What the process that answers has done, in Prometheus' text format."""
        return self.request("GET", "/api/metrics").text

    def request(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, content: bytes = b""
    ) -> httpx2.Response:
        """Send any request, with the key and the retries of the others. Returns a 2xx response.

        `path`: from the app's address on: `/api/score`. Raises Refused, AppUnavailable.
        """
        request = Request(method, path, dict(headers or {}), content)
        return self._run(exchanges.send(request, self._timeout_s))

    def _run[T](self, exchange: Exchange[T]) -> T:
        reply: Reply = None
        try:
            while True:
                reply = self._do(exchange.send(reply))
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]

    def _do(self, step: Request | float) -> Reply:
        try:
            if isinstance(step, Request):
                return self._http.request(**step._asdict())
        except httpx2.TransportError as error:
            return error
        time.sleep(step)
        return None


class AsyncClient:
    """Awaited. See Client for the arguments, what the methods do, and what they raise."""

    def __init__(self, url: str, *, key: str = "", timeout_s: float = 60) -> None:
        self._timeout_s = timeout_s
        self._http = httpx2.AsyncClient(**http_options(url, key))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        await self._http.aclose()

    async def score(self, rows: Any, **options: Unpack[Scoring]) -> Answer:
        return await self._run(exchanges.score(rows, self._timeout_s, **options))

    async def enqueue(self, rows: Any, **options: Unpack[Queueing]) -> str:
        return await self._run(exchanges.enqueue(rows, self._timeout_s, **options))

    async def result(self, request_id: str, timeout_s: float | None = None) -> dict[str, Any]:
        return await self._run(exchanges.result(request_id, self._timeout_s, timeout_s))

    async def cancel(self, request_id: str) -> None:
        await self._run(exchanges.cancel(request_id, self._timeout_s))

    async def metrics(self) -> str:
        return (await self.request("GET", "/api/metrics")).text

    async def request(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, content: bytes = b""
    ) -> httpx2.Response:
        request = Request(method, path, dict(headers or {}), content)
        return await self._run(exchanges.send(request, self._timeout_s))

    async def _run[T](self, exchange: Exchange[T]) -> T:
        reply: Reply = None
        try:
            while True:
                reply = await self._do(exchange.send(reply))
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]

    async def _do(self, step: Request | float) -> Reply:
        try:
            if isinstance(step, Request):
                return await self._http.request(**step._asdict())
        except httpx2.TransportError as error:
            return error
        await asyncio.sleep(step)
        return None


def http_options(url: str, key: str) -> dict[str, Any]:
    """What httpx2's clients take. Raises ClientError."""
    try:
        address = httpx2.URL(url.rstrip("/").removesuffix("/api"))
    except httpx2.InvalidURL as error:
        raise ClientError(f"url {url!r}: {error}") from error
    if address.scheme not in ("http", "https") or not address.host:
        raise ClientError(f"url {url!r}: expected http://… or https://…")
    if not (key.isascii() and key.isprintable()):
        raise ClientError("key: expected ASCII letters, got a line end or another sign")
    return {"base_url": address, "headers": {"x-functions-key": key} if key else {}}
