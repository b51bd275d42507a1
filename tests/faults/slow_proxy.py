"""A TCP proxy on loopback that can delay what it forwards."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator

from local.emulators.ports import HOST
from tests.servers import free_port


class SlowProxy:
    """Forwards bytes, each piece after `delay_s`. It runs in a thread of its own."""

    def __init__(self, target: int) -> None:
        self.port = free_port()
        self.delay_s = 0.0
        self._target = target
        self._tasks: set[asyncio.Task[None]] = set()

    def aim(self, target: int) -> None:
        """Forward new connections to another port. Open ones keep their port."""
        self._target = target

    async def serve(self, ready: threading.Event, stopping: asyncio.Event) -> None:
        server = await asyncio.start_server(self._joined, HOST, self.port)
        ready.set()
        await stopping.wait()
        server.close()
        for task in list(self._tasks):
            task.cancel()

    async def _joined(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there = await asyncio.open_connection(HOST, self._target)
        except OSError:
            writer.close()
            return
        for source, sink in ((reader, there[1]), (there[0], writer)):
            task = asyncio.create_task(self._pass_on(source, sink))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer), contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                if self.delay_s:
                    await asyncio.sleep(self.delay_s)
                writer.write(data)
                await writer.drain()


@contextlib.contextmanager
def running(target: int = 0) -> Iterator[SlowProxy]:
    """A proxy in front of a server's port, up while the block runs."""
    proxy, ready = SlowProxy(target), threading.Event()
    loop, stopping = asyncio.new_event_loop(), asyncio.Event()

    def run() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(proxy.serve(ready, stopping))

    thread = threading.Thread(target=run, name="slow proxy", daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield proxy
    finally:
        loop.call_soon_threadsafe(stopping.set)
        thread.join(10)
