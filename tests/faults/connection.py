"""An HTTP/1.1 client that reports how a request ended."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self


class Unanswered(Exception):
    """A request was sent whole, and no whole answer came. `how` says how it ended."""

    def __init__(self, how: str) -> None:
        super().__init__(how)
        self.how = how


class ClosedBefore(Exception):
    """The server had closed the connection before anything was sent."""


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Connection:
    """One kept-alive connection; one request at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.is_open = True

    @classmethod
    async def to(cls, address: tuple[str, int]) -> Self:
        """Raises OSError if the port is closed."""
        return cls(*await asyncio.open_connection(*address, limit=2**20))

    async def ask(self, request: bytes, *, timeout_s: float = 60) -> Reply:
        """Send a request; its answer. Raises ClosedBefore, Unanswered."""
        if self._reader.at_eof() or self._reader.exception() is not None:
            self.close()
            raise ClosedBefore
        try:
            async with asyncio.timeout(timeout_s):
                self._writer.write(request)
                reply = await self._reply()
        except TimeoutError:
            self.close()
            raise Unanswered(f"no answer within {timeout_s:g} s") from None
        except (ConnectionResetError, BrokenPipeError):
            self.close()
            raise Unanswered("reset") from None
        except asyncio.IncompleteReadError as error:
            self.close()
            raise Unanswered("cut short" if error.partial else "closed") from None
        except (asyncio.LimitOverrunError, ValueError, IndexError):
            self.close()
            raise Unanswered("answered with what is no HTTP") from None
        if reply.headers.get("connection", "").lower() == "close":
            self.close()
        return reply

    def close(self) -> None:
        self.is_open = False
        self._writer.close()

    async def ask_rudely(self, content: bytes, *, timeout_s: float) -> Reply | None:
        """Send what may be no request, and nothing after it; None where it ends unanswered.

        Raises Unanswered where it does not end, or in what is no HTTP.
        """
        try:
            async with asyncio.timeout(timeout_s):
                self._writer.write(content)
                self._writer.write_eof()
                return await self._reply()
        except TimeoutError:
            raise Unanswered(f"neither answered nor closed within {timeout_s:g} s") from None
        except (OSError, asyncio.IncompleteReadError):
            return None
        except (asyncio.LimitOverrunError, ValueError, IndexError):
            raise Unanswered("answered with what is no HTTP") from None
        finally:
            self.close()

    async def _reply(self) -> Reply:
        reply = await self._one_reply()
        while reply.status == 100:
            reply = await self._one_reply()
        return reply

    async def _one_reply(self) -> Reply:
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        status_line, *lines = head[:-4].split("\r\n")
        version, status, *_ = status_line.split(" ")
        if not version.startswith("HTTP/1."):
            raise ValueError(status_line)
        headers = {
            name.strip().lower(): value.strip()
            for name, _, value in (line.partition(":") for line in lines)
        }
        body = b""
        if "content-length" in headers:
            body = await self._reader.readexactly(int(headers["content-length"]))
        elif headers.get("connection", "").lower() == "close":
            body = await self._reader.read()
        return Reply(int(status), headers, body)


class Pool:
    """Connections to one server. The last used one is taken first; new ones open when needed."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._address = address
        self._free: list[Connection] = []

    async def ask(self, request: bytes, *, timeout_s: float = 60) -> Reply:
        """As Connection.ask. Raises OSError if the port is closed."""
        while True:
            connection = self._free.pop() if self._free else await Connection.to(self._address)
            try:
                reply = await connection.ask(request, timeout_s=timeout_s)
            except ClosedBefore:
                continue
            if connection.is_open:
                self._free.append(connection)
            return reply

    def close(self) -> None:
        for connection in self._free:
            connection.close()
        self._free.clear()


def post(
    body: bytes,
    kind: str = "application/json",
    *,
    path: str = "/api/score",
    headers: Mapping[str, str] | None = None,
) -> bytes:
    """A POST as it goes over the wire."""
    named = {"host": "localhost", "content-type": kind, **(headers or {})}
    lines = "".join(f"{name}: {value}\r\n" for name, value in named.items() if value)
    head = f"POST {path} HTTP/1.1\r\n{lines}content-length: {len(body)}\r\n\r\n"
    return head.encode("latin-1", "replace") + body


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n".encode()
