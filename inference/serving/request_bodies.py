"""Request bodies: decompressed and read off the event loop, within a budget of memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

from inference.request import Request
from inference.rows import decompression, formats, media_types
from inference.rows.body_budget import BodyBudget, BodyHold
from inference.rows.body_memory import Extent, extent_of, measure
from inference.rows.content_encoding import parse_encoding
from inference.scripts import Script
from inference.serving.off_loop import is_quick, off_loop
from inference.settings import InferenceSettings

#: A short body of text or numbers is read on the event loop and not counted: a thousand of them
#: take 16 MB.
SHORT_BYTES = 4 * 1024
#: The separators of a longer body are counted off the event loop.
INLINE_EXTENT_BYTES = 1024 * 1024

#: Memory for all tables in work. A table that is read part by part takes PARTS_BYTES.
TABLES_BYTES = 256 * 1024 * 1024
PARTS_BYTES = 16 * 1024 * 1024
#: Bytes of memory for a byte of Parquet: in its footer, some 100 bytes a column cost pyarrow 10 KB.
PARQUET_MEMORY_PER_BYTE = 64


class RequestBodies:
    """The bodies in work of one app, and the memory they may take. For one event loop."""

    def __init__(self, settings: InferenceSettings) -> None:
        self._limits = settings.limits
        self._short_bytes = min(SHORT_BYTES, self._limits.body_bytes)
        limit = settings.max_bodies_in_work_bytes
        self._budget = BodyBudget(limit)
        self._tables = BodyBudget(min(limit, TABLES_BYTES))

    @asynccontextmanager
    async def table(self, form: str, size: int | None) -> AsyncIterator[None]:
        """A block in which a table counts as in work. It waits until there is memory for it.

        `form`: one of media_types.FORMATS, or any type for a script that takes the whole body.
        `size`: its decompressed bytes; None where they are unknown.
        """
        size = self._table_size(form, self._limits.body_bytes if size is None else size)
        async with self._tables.hold(size, patient=True), self._budget.hold(size, patient=True):
            yield

    @asynccontextmanager
    async def counted(self, size: int) -> AsyncIterator[None]:
        """A block in which memory counts that is not a request's body. Raises as `take` does."""
        async with self._budget.hold(size, patient=False):
            yield

    async def take(self, size: int) -> BodyHold:
        """Count memory that is not a request's body. Raises Overloaded if there is no room."""
        return await self._budget.take(size, patient=False)

    def _table_size(self, form: str, size: int) -> int:
        if form in (media_types.CSV, media_types.JSON_LINES, media_types.NPY):
            return PARTS_BYTES
        if form == media_types.PARQUET:
            return min(TABLES_BYTES, PARTS_BYTES + size * PARQUET_MEMORY_PER_BYTE)
        return min(self._limits.body_bytes, PARTS_BYTES + size)

    def opened(self, request: Request, script: Script) -> Opened:
        """A block in which the request's body counts as in work. It yields the request with its
        body decompressed; a user's script gets the bytes as they were sent.

        Entering it raises CallerError, and Overloaded where there is no memory for the body, unless
        the request may wait.
        """
        return Opened(self, request, script)

    def is_short(self, request: Request, script: Script) -> bool:
        """Whether the body is read on the event loop and not counted."""
        if len(request.body) > self._short_bytes or _is_columnar(request):
            return False
        return not (script.reads_rows and request.headers.get("content-encoding"))

    async def read[T](self, request: Request, call: Callable[[], T]) -> T:
        """The result of `call`, which reads the request's decompressed body."""
        if len(request.body) <= SHORT_BYTES and not _is_columnar(request):
            return call()
        quick = is_quick(request.body, request.content_type)
        return await off_loop(quick, len(request.body), call)

    async def hold(self, request: Request, script: Script) -> tuple[Request, BodyHold | None]:
        """As entering `opened`: the request, and the memory it holds; None for a short body."""
        if self.is_short(request, script):
            return request, None
        body = request.body
        self._limits.check_bytes(len(body))
        if script.reads_rows:
            encoding = parse_encoding(request.headers.get("content-encoding", ""))
            extent = await self._extent(request, encoding)
        else:
            encoding, extent = "", Extent(len(body))
        held = await self._budget.take(script.memory_of(extent), patient=request.patient)
        try:
            if encoding:
                unpack = partial(decompression.decompress_body, body, encoding, limits=self._limits)
                request = request.with_body(await off_loop(False, extent.size, unpack))
        except BaseException:
            held.give()
            raise
        return request, held

    async def _extent(self, request: Request, encoding: str) -> Extent:
        """Of the body before compression. Raises CallerError."""
        body, limits = request.body, self._limits
        form = media_types.known_format(request.content_type, body)
        if form in media_types.COLUMNAR:
            if encoding:  # compressed twice
                return Extent(limits.body_bytes)
            measure_file = partial(formats.unpacked_size, body, form, limits=limits)
            return Extent(await off_loop(False, len(body), measure_file))
        if encoding:
            return await off_loop(
                False,
                len(body),
                lambda: measure(decompression.pieces(body, encoding, limits=limits), form),
            )
        return await off_loop(
            len(body) <= INLINE_EXTENT_BYTES, len(body), partial(extent_of, body, form)
        )


class Opened:
    """See RequestBodies.opened. A class, because a generator would take 12 us instead of 2."""

    __slots__ = ("_bodies", "_held", "_request", "_script")

    def __init__(self, bodies: RequestBodies, request: Request, script: Script) -> None:
        self._bodies, self._request, self._script = bodies, request, script
        self._held: BodyHold | None = None

    async def __aenter__(self) -> Request:
        request, self._held = await self._bodies.hold(self._request, self._script)
        return request

    async def __aexit__(self, *_: object) -> None:
        if self._held is not None:
            self._held.give()


def _is_columnar(request: Request) -> bool:
    form = media_types.known_format(request.content_type, request.body)
    return form in media_types.COLUMNAR
