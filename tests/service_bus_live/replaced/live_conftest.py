"""Starts an emulator for this pytest process, and makes the SDK speak without TLS to it."""

from __future__ import annotations

import atexit
import functools
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from azure.core.pipeline.transport import AioHttpTransport, RequestsTransport
from azure.servicebus import ServiceBusClient, TransportType, _base_handler, aio
from azure.servicebus._common import _configuration
from azure.servicebus.aio import _base_handler_async

from local.emulators import health_check
from local.emulators.service_bus_emulator import SASL_HEADER
from tests import servers
from tests.waiting import eventually

collect_ignore = ["test_tracing.py", "perf_tests"]


def _start() -> int:
    folder, port = Path(tempfile.mkdtemp(prefix="service-bus-live-")), servers.free_port()
    config = folder / "Config.json"
    namespace = {"Name": "sbemulatorns", "Queues": [{"Name": "unused"}], "Topics": []}
    config.write_text(json.dumps({"UserConfig": {"Namespaces": [namespace]}}))
    command = [
        *(sys.executable, "-m", "local.emulators.servicebus", "--config", str(config)),
        *("--db", str(folder / "servicebus.db"), "--port", str(port)),
        *("--key", "sender:SAS_KEY_VALUE:Send", "--key", "listener:SAS_KEY_VALUE:Listen"),
    ]
    log = (folder / "servicebus.log").open("wb")
    process = subprocess.Popen(command, stdout=log, stderr=log)
    atexit.register(process.kill)
    eventually(lambda: health_check.answers(port, SASL_HEADER, expected=SASL_HEADER), timeout_s=60)
    return port


def _speak_plainly() -> None:
    for client in (
        *(ServiceBusClient, aio.ServiceBusClient, _base_handler.BaseHandler),
        *(_base_handler_async.BaseHandler, _configuration.Configuration),
    ):
        client.__init__ = _without_tls(client.__init__)  # type: ignore[method-assign]
    for transport in (RequestsTransport, AioHttpTransport):
        transport.send = _plain(transport.send)


def _without_tls(init):
    @functools.wraps(init)
    def init_without_tls(self, *args, **kwargs):
        kwargs["use_tls"] = False
        if kwargs.get("transport_type") is TransportType.AmqpOverWebsocket:
            # For WebSockets the blocking SDK takes a port from nowhere else.
            kwargs.setdefault("custom_endpoint_address", f"sb://localhost:{PORT}")
        init(self, *args, **kwargs)

    return init_without_tls


def _plain(send):
    def send_over_http(self, request, **kwargs):
        request.url = request.url.replace("https://localhost", "http://localhost", 1)
        return send(self, request, **kwargs)

    return send_over_http


PORT = _start()
os.environ["SERVICEBUS_ENDPOINT_SUFFIX"] = f":{PORT}"
_speak_plainly()
