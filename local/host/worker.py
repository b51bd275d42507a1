"""One process of the host: loads the app, runs its listeners, and drains them on shutdown."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import resource
import socket
from typing import Protocol

from local.host import banner, shutdown_signals
from local.host.app.bindings import BlobTrigger, ServiceBusTrigger
from local.host.app.connections import Connections
from local.host.app.default_connections import set_defaults
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
from local.host.http_listener.shortcuts import find_shortcuts
from local.host.shutdown_signals import DRAIN_S

log = logging.getLogger(__name__)

#: Seconds that cancelled invocations have to clean up.
CANCEL_S = 3

#: The limit of open files, and so of connections, that a worker asks the system for.
MAX_FILES = 65_536


class Listener(Protocol):
    """Receives a trigger's events from `start` to `stop`."""

    async def start(self) -> None:
        """Begin. A service that is away is waited for in the background."""

    async def stop(self) -> None:
        """Receive nothing new and wait for running invocations. If cancelled, cancel them."""


async def run(arguments: Arguments, options: HostOptions) -> None:
    """Serve until a shutdown is requested.

    Raises HostError if the app cannot be loaded or a connection setting cannot be used.
    """
    sock = socket.socket(fileno=arguments.socket_fd)
    _raise_file_limit()
    with shutdown_signals.handle() as shutdown:
        runtime = await Runtime.load(
            arguments.app_dir, os.environ, timeout_s=options.function_timeout_s
        )
        set_defaults(runtime.functions, os.environ)
        # The loaded app stays in memory: keep it out of later garbage collections.
        gc.collect()
        gc.freeze()
        connections = Connections(os.environ)
        outputs = Outputs(connections)
        try:
            routes = Routes(runtime.functions, prefix=options.http.route_prefix)
            invoker = Invoker(runtime, Inputs(connections), outputs)
            listeners = _event_listeners(runtime, options, invoker, connections)
            listeners.append(_http_server(options, invoker, routes, sock))
            for listener in listeners:
                await listener.start()
            if arguments.worker <= 1:
                _log_ignored(runtime, options)
                _print_banner(runtime, routes, sock)
            await shutdown.requested.wait()
            await _drain(listeners, shutdown.drain_s)
        finally:
            await outputs.close()
            await connections.close()
    runtime.close()


def _event_listeners(
    runtime: Runtime, options: HostOptions, invoker: Invoker, connections: Connections
) -> list[Listener]:
    """For blobs and messages. An SDK is imported only if a function needs it."""
    listeners: list[Listener] = []
    if any(isinstance(each.trigger, BlobTrigger) for each in runtime.functions):
        from local.host.blob_listener.account_listener import blob_listeners  # noqa: PLC0415

        listeners += blob_listeners(runtime.functions, invoker, connections, options.blobs)
    if any(isinstance(each.trigger, ServiceBusTrigger) for each in runtime.functions):
        from local.host.service_bus_listener.service_bus_listeners import (  # noqa: PLC0415
            service_bus_listeners,
        )

        listeners += service_bus_listeners(
            runtime.functions, invoker, connections, options.service_bus
        )
    return listeners


def _http_server(
    options: HostOptions, invoker: Invoker, routes: Routes, sock: socket.socket
) -> HttpServer:
    app = AsgiApp(
        invoker,
        routes,
        find_shortcuts(routes, options.http.route_prefix),
        keys=Keys.from_env(os.environ),
        max_outstanding=options.http.max_outstanding_requests,
    )
    # One second before the worker cancels it, so that it can still answer what it ends.
    return HttpServer(app, sock, drain_s=DRAIN_S - 1)


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


def _raise_file_limit() -> None:
    """To MAX_FILES or what the system allows; shells often allow only 1,024 open files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY:
        allowed = MAX_FILES if hard == resource.RLIM_INFINITY else min(hard, MAX_FILES)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, allowed), hard))


def _log_ignored(runtime: Runtime, options: HostOptions) -> None:
    for name in options.ignored:
        log.info("host.json: %s is ignored by the local host", name)
    for function in runtime.functions:
        for name in function.ignored:
            log.info("function %s: %s is ignored by the local host", function.name, name)


def _print_banner(runtime: Runtime, routes: Routes, sock: socket.socket) -> None:
    host, port = sock.getsockname()[:2]
    address = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    print(banner.render(runtime.functions, routes, address), flush=True)  # noqa: T201
