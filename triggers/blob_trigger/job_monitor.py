"""Watches a blob that is being scored: reports its progress, and ends it if it must end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Self

from inference.errors import Cancelled, ScoringTimeout
from inference.results.running_jobs import EVERY_S, RunningJobs
from inference.serving.batch_report import Report
from triggers.storage.storage_errors import error_code

log = logging.getLogger(__name__)

#: Seconds until the first report. Most blobs are scored by then.
FIRST_S = 0.2
#: Where functionTimeout sets no limit: seconds without progress after which a job ends.
MAX_STALL_S = 3600.0


class JobMonitor:
    """A block in which one job runs. It raises Cancelled, and ScoringTimeout after a stall.

    The job is shown as running until `forget`, or until its last report expires.

    `size`: the bytes of the input. `stall_s`: how long the job may make no progress; None: a limit
    on the whole call is set elsewhere. `renew` is called before half of `stall_s` has passed, again
    and again: it keeps what the job has stored from expiring.
    """

    def __init__(
        self,
        jobs: RunningJobs,
        request_id: str,
        report: Report,
        *,
        size: int,
        stall_s: float | None,
        renew: Callable[[], Awaitable[object]] | None = None,
    ) -> None:
        self._jobs, self._id, self._report, self._size = jobs, request_id, report, size
        self._stall_s, self._renew = stall_s, renew
        self._timeout = asyncio.timeout(stall_s)
        self._cancelled = self._is_shown = False
        self._task: asyncio.Task[None]

    def __repr__(self) -> str:
        return f"<JobMonitor {self._id!r} {self._report.rows} rows>"

    async def __aenter__(self) -> Self:
        await self._timeout.__aenter__()
        self._task = asyncio.get_running_loop().create_task(self._watch())
        return self

    async def __aexit__(self, *error: object) -> None:
        self._task.cancel()
        try:
            # Before anything is awaited, which the timeout would cancel.
            await self._timeout.__aexit__(*error)  # type: ignore[arg-type]
        except TimeoutError:
            if self._cancelled:
                raise Cancelled from None
            raise ScoringTimeout(
                f"the blob made no progress for {self._stall_s:g} s; send it again"
            ) from None
        finally:
            await asyncio.wait([self._task])

    async def forget(self) -> None:
        """Show the job no more: its document is stored. One that is tried again stays."""
        if self._is_shown:
            with contextlib.suppress(Exception):
                await self._jobs.end(self._id)

    async def _watch(self) -> None:
        clock = asyncio.get_running_loop().time
        seen, renewed_at = (0, 0), clock()
        await asyncio.sleep(FIRST_S)
        while not self._cancelled:
            await self._show()
            now, progress = clock(), (self._report.rows, self._report.bytes)
            # Before its first bytes it waits for memory that other jobs take: they end.
            if self._stall_s is not None and (progress != seen or not any(progress)):
                self._end_at(now + self._stall_s)
            seen = progress
            if self._renew is not None and now - renewed_at > (self._stall_s or MAX_STALL_S) / 4:
                await self._call(self._renew)
                renewed_at = now
            await asyncio.sleep(EVERY_S)

    async def _show(self) -> None:
        async def show() -> None:
            self._is_shown = True
            if await self._jobs.report(self._id, self._report.progress(self._size)):
                self._cancelled = True
                self._end_at(asyncio.get_running_loop().time())

        await self._call(show)

    def _end_at(self, when: float) -> None:
        if not self._timeout.expired():
            self._timeout.reschedule(when)

    async def _call(self, call: Callable[[], Awaitable[object]]) -> None:
        """A fault of the cache does not end the job; the next round tries again."""
        try:
            await call()
        except Exception as error:  # noqa: BLE001 - as above
            log.debug("request %r: %s", self._id, error_code(error))
