"""A container of the app's storage account, for triggers that need it for few inputs.

The storage SDK takes as long to import as the rest of the app, so the first use imports it, in a
thread.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from inference.errors import InternalError, Overloaded, SettingError
from inference.rows.body_budget import BodyHold
from triggers.settings import SERVICE_BUS, STORAGE
from triggers.storage.thread_calls import IsStopped, ThreadCall

if TYPE_CHECKING:
    from azure.storage.blob import BlobProperties

    from triggers.storage.whole_blobs import WholeBlobs

#: Blobs that are read or written at the same time.
THREADS = 8
#: Seconds that a caller waits for one blob, besides the time for its bytes at the slowest rate.
CALL_S, SLOWEST_BYTES_PER_S = 20.0, 1_000_000

_FORMS = ("", "__blobServiceUri", "__serviceUri")
_EMULATOR = "UseDevelopmentStorage=true"


class LazyContainer:
    """Reads and writes whole blobs of one container of the account STORAGE.

    The methods raise Overloaded for errors that may pass, and InternalError for others.
    """

    def __init__(self, env: Mapping[str, str], name: str) -> None:
        self._env, self.name = env, name
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix=f"blobs of {name}")
        self._opened: WholeBlobs | None = None

    def __repr__(self) -> str:
        return f"<LazyContainer {self.name}>"

    @cached_property
    def is_configured(self) -> bool:
        """Whether the settings name a storage account."""
        return _names_account(_with_emulator(self._env))

    async def create(self) -> None:
        """Create the container, unless it exists."""
        await self._run(lambda blobs: blobs.create())

    async def write(self, name: str, content: bytes, content_type: str) -> None:
        """Write or replace a blob. A missing container is created."""
        await self._run(lambda blobs: blobs.write(name, content, content_type), len(content))

    async def properties(self, name: str) -> BlobProperties | None:
        """None if there is no such blob, or no such container."""
        return await self._run(lambda blobs: blobs.properties(name))

    @asynccontextmanager
    async def opened(
        self, name: str, properties: BlobProperties, hold: BodyHold
    ) -> AsyncIterator[bytes]:
        """A block with the stored bytes of one version of a blob. Overloaded if it was replaced.

        `hold` counts their memory. It is given back after the block, or when the thread ends that
        still reads them.
        """
        etag, size = properties.etag, properties.size
        try:
            call = self._call(lambda blobs, is_stopped: blobs.read(name, etag, is_stopped))
        except BaseException:
            hold.give()
            raise
        try:
            yield await _result(call, size)
        finally:
            call.when_ended(hold.give)

    async def _run[T](self, call: Callable[[WholeBlobs], T], size: int = 0) -> T:
        return await _result(self._call(lambda blobs, _: call(blobs)), size)

    def _call[T](self, call: Callable[[WholeBlobs, IsStopped], T]) -> ThreadCall[T]:
        return ThreadCall(
            self._threads, lambda stopped: _translated(lambda: call(self._open(), stopped))
        )

    def _open(self) -> WholeBlobs:
        from triggers.storage.whole_blobs import WholeBlobs  # noqa: PLC0415 - slow

        if self._opened is None:
            self._opened = WholeBlobs(_with_emulator(self._env), self.name)
        return self._opened


async def _result[T](call: ThreadCall[T], size: int) -> T:
    """The result of a call that moves `size` bytes. Raises Overloaded if it takes too long."""
    limit_s = CALL_S + size / SLOWEST_BYTES_PER_S
    try:
        return await call.result(limit_s)
    except TimeoutError as error:
        message = f"storage did not answer within {limit_s:.3g} s; try again later"
        raise Overloaded(message) from error


def _translated[T](call: Callable[[], T]) -> T:
    """The result of `call`. Raises Overloaded, InternalError."""
    from triggers.storage.storage_errors import error_code, is_retryable  # noqa: PLC0415 - slow

    try:
        return call()
    except SettingError as error:
        raise InternalError(f"storage: {error.name} is not set, or can't be used") from error
    except Exception as error:
        code = error_code(error)
        if is_retryable(error):
            raise Overloaded(f"storage can't be used now ({code}); try again later") from error
        raise InternalError(f"storage: {code}") from error


def _with_emulator(env: Mapping[str, str]) -> Mapping[str, str]:
    """The settings. An app on the emulator of Service Bus uses that of storage, unless another
    account is named.
    """
    on_emulator = "usedevelopmentemulator=true" in env.get(SERVICE_BUS, "").lower()
    if on_emulator and not _names_account(env):
        return {**env, STORAGE: _EMULATOR}
    return env


def _names_account(env: Mapping[str, str]) -> bool:
    return any(env.get(STORAGE + form) for form in _FORMS)
