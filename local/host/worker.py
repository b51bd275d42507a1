"""One process of the host: loads the app, runs its listeners until told to stop, drains."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import resource
import signal
import socket
import threading
import time
from collections.abc import Iterator
from typing import Protocol

from local.host import banner
from local.host.app.bindings import BlobTrigger, ServiceBusTrigger
from local.host.app.connections import Connections, prepare
from local.host.app.inputs import Inputs
from local.host.app.invoker import Invoker
from local.host.app.outputs import Outputs
from local.host.app.runtime import Runtime
from local.host.arguments import Arguments
from local.host.host_json import HostOptions
from local.host.http_listener.asgi_app import AsgiApp
from local.host.http_listener.keys import Keys
from local.host.http_listener.routes import Routes
from local.host.http_listener.server import HttpServer

log = logging.getLogger(__name__)

#: Seconds that running invocations may go on after a stop was asked for.
DRAIN_S = 25
#: The same where the supervisor is gone: whoever follows needs the port.
ORPHAN_DRAIN_S = 0.5
#: Seconds that what is cancelled then has to give back what it holds.
CANCEL_S = 3
#: Seconds after which a worker without its supervisor is ended, whatever it does.
ORPHAN_END_S = 0.9

#: Open files, connections among them, that a worker may have where the system allows it.
MAX_FILES = 65_536

#: The descriptor that says by its end that the supervisor has ended.
PARENT_FD = 0


class Listener(Protocol):
    """Receives a trigger's events from `start` to `stop`."""

    async def start(self) -> None:
        """Begin. A service that is away is waited for in the background."""

    async def stop(self) -> None:
        """Receive nothing new and wait for running invocations. If cancelled, cancel them."""


async def run(arguments: Arguments, options: HostOptions) -> None:
    """Serve until SIGTERM or SIGINT, or until the supervisor is gone.

    Raises HostError for an app that cannot be loaded or connections that cannot be used.
    """
    sock = socket.socket(fileno=arguments.socket_fd)
    _allow_connections()
    with _stop_signals() as stop:
        runtime = await Runtime.load(
            arguments.app_dir, os.environ, timeout_s=options.function_timeout_s
        )
        prepare(runtime.functions, os.environ)
        # What was loaded stays: the collector need not walk it again and again.
        gc.collect()
        gc.freeze()
        connections = Connections(os.environ)
        outputs = Outputs(connections)
        try:
            routes = Routes(runtime.functions, prefix=options.http.route_prefix)
            invoker = Invoker(runtime, Inputs(connections), outputs)
            listeners = _listeners(runtime, options, invoker, connections)
            listeners.append(_http(options, invoker, routes, sock))
            await _start(listeners)
            if arguments.worker <= 1:
                _tell_unhonoured(runtime, options)
                _announce(runtime, routes, sock)
            await stop.asked.wait()
            await _drain(listeners, stop.drain_s)
        finally:
            await outputs.close()
            await connections.close()
    runtime.close()


def _listeners(
    runtime: Runtime, options: HostOptions, invoker: Invoker, connections: Connections
) -> list[Listener]:
    """Of blobs and messages; a listener's SDK is imported only where it has a function."""
    listeners: list[Listener] = []
    if any(isinstance(each.trigger, BlobTrigger) for each in runtime.functions):
        from local.host.blob_listener.account_listener import blob_listeners  # noqa: PLC0415 - see above

        listeners += blob_listeners(runtime.functions, invoker, connections, options.blobs)
    if any(isinstance(each.trigger, ServiceBusTrigger) for each in runtime.functions):
        from local.host.service_bus_listener.queue_listener import service_bus_listeners  # noqa: PLC0415 - see above

        listeners += service_bus_listeners(
            runtime.functions, invoker, connections, options.service_bus
        )
    return listeners


def _http(
    options: HostOptions, invoker: Invoker, routes: Routes, sock: socket.socket
) -> HttpServer:
    listener = AsgiApp(
        invoker,
        routes,
        keys=Keys.from_env(os.environ),
        max_outstanding=options.http.max_outstanding_requests,
    )
    # A second before it is cancelled, so that it can answer what it ends.
    return HttpServer(listener, sock, drain_s=DRAIN_S - 1)


async def _start(listeners: list[Listener]) -> None:
    for listener in listeners:
        await listener.start()


async def _drain(listeners: list[Listener], drain_s: float) -> None:
    log.info("stopping: running invocations have %g s to finish", drain_s)
    stopping = [asyncio.create_task(listener.stop()) for listener in listeners]
    _, late = await asyncio.wait(stopping, timeout=drain_s)
    for task in late:
        task.cancel()
    if late:
        await asyncio.wait(late, timeout=CANCEL_S)
    for listener, task in zip(listeners, stopping, strict=True):
        if not task.done() or task.cancelled():
            log.warning("%r did not finish in time", listener)
        elif error := task.exception():
            log.error("%r: %s: %s", listener, type(error).__name__, error)
    log.info("stopped")


class _Stop:
    """Whether to stop, and how long that may take."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.drain_s: float = DRAIN_S

    def interrupt(self) -> None:
        if self.asked.is_set():
            os._exit(130)
        self.asked.set()

    def orphaned(self) -> None:
        self.drain_s = ORPHAN_DRAIN_S
        self.asked.set()


@contextlib.contextmanager
def _stop_signals() -> Iterator[_Stop]:
    """Set by SIGTERM, SIGINT or the supervisor's end; a second SIGINT ends at once."""
    loop = asyncio.get_running_loop()
    stop = _Stop()
    loop.add_signal_handler(signal.SIGTERM, stop.asked.set)
    loop.add_signal_handler(signal.SIGINT, stop.interrupt)
    threading.Thread(target=_end_with_supervisor, args=(loop, stop), daemon=True).start()
    try:
        yield stop
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
        loop.remove_signal_handler(signal.SIGINT)


def _end_with_supervisor(loop: asyncio.AbstractEventLoop, stop: _Stop) -> None:
    """In a thread: an app that holds up the event loop shall not hold the port too."""
    os.read(PARENT_FD, 1)
    with contextlib.suppress(RuntimeError):  # the loop has ended already
        loop.call_soon_threadsafe(stop.orphaned)
    time.sleep(ORPHAN_END_S)
    os._exit(1)


def _allow_connections() -> None:
    """As many as the system lets a process have: shells often allow 1,024 open files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY:
        most = MAX_FILES if hard == resource.RLIM_INFINITY else min(hard, MAX_FILES)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))


def _tell_unhonoured(runtime: Runtime, options: HostOptions) -> None:
    for name in options.unhonoured:
        log.info("host.json: %s is not honoured by this host", name)
    for function in runtime.functions:
        for name in function.unhonoured:
            log.info("function %s: %s is not honoured by this host", function.name, name)


def _announce(runtime: Runtime, routes: Routes, sock: socket.socket) -> None:
    host, port = sock.getsockname()[:2]
    address = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    print(banner.text(runtime.functions, routes, address), flush=True)  # noqa: T201 - the banner
