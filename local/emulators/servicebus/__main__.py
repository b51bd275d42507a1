"""The process of the Service Bus emulator: runs until SIGTERM or SIGINT."""

from __future__ import annotations

import argparse
import asyncio
import errno
import logging
import signal
import ssl
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from local.emulators.servicebus import config
from local.emulators.servicebus.broker.errors import StoreError
from local.emulators.servicebus.broker.store import Store
from local.emulators.servicebus.config import Config
from local.emulators.servicebus.config_values import ConfigError
from local.emulators.servicebus.sas import ALL_RIGHTS, AccessKey
from local.emulators.servicebus.server import Server

#: Exit codes: a wrong Config.json, database, certificate or port; a database that failed later.
CANNOT_START = 2
STORE_FAILED = 1


def main(words: Sequence[str] | None = None) -> int:
    """Run until SIGTERM or SIGINT. `words` are the command line's; None: this process's."""
    arguments = _arguments(words)
    logging.basicConfig(
        level=arguments.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s %(message)s"
    )
    try:
        settings = config.load(arguments.config)
        tls = _tls(arguments.certificate)
        store = Store(arguments.db)
    except (ConfigError, StoreError) as error:
        print(error, file=sys.stderr)
        return CANNOT_START
    with closing(store):
        return asyncio.run(_serve(arguments, settings, store, tls))


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="local.emulators.servicebus", add_help=False)
    parser.add_argument(
        "--config", type=Path, required=True, help="the Config.json that defines the queues"
    )
    parser.add_argument(
        "--db", type=Path, required=True, help="the SQLite file; created if missing"
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=5672)
    parser.add_argument(
        "--certificate", type=Path, help="a PEM file with a certificate and its private key"
    )
    parser.add_argument("--tls-port", type=int, default=5671, help="used with --certificate")
    parser.add_argument(
        "--log-level", default="warning", choices=["debug", "info", "warning", "error"]
    )
    parser.add_argument(
        "--key",
        dest="keys",
        action="append",
        default=[],
        type=_access_key,
        metavar="NAME:KEY[:RIGHTS]",
        help="one more key of the namespace, for example app:c2VjcmV0:Send,Listen; may be repeated",
    )
    return parser.parse_args(words)


def _access_key(text: str) -> AccessKey:
    name, _, rest = text.partition(":")
    key, _, given = rest.partition(":")
    rights = frozenset(given.split(",")) if given else ALL_RIGHTS
    if not name or not key or not rights <= ALL_RIGHTS:
        raise argparse.ArgumentTypeError(
            f"expected NAME:KEY or NAME:KEY:RIGHTS, with rights of {','.join(sorted(ALL_RIGHTS))}"
        )
    return AccessKey(name, key, rights)


def _tls(certificate: Path | None) -> ssl.SSLContext | None:
    """Raises ConfigError if the file can't be used."""
    if certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(certificate)
    except OSError as error:
        raise ConfigError(
            f"{certificate}: expected a PEM file with a certificate and its private key; {error}"
        ) from error
    return context


async def _serve(
    arguments: argparse.Namespace, settings: Config, store: Store, tls: ssl.SSLContext | None
) -> int:
    host, port, option = arguments.host, arguments.port, "--port"
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    server = Server(settings, store, tuple(arguments.keys))
    try:
        await server.start(host, port)
        if tls is not None:
            port, option = arguments.tls_port, "--tls-port"
            await server.listen(host, port, tls)
    except OSError as error:
        print(_describe(host, port, option, error), file=sys.stderr)
        return CANNOT_START
    topics = (topic.queue for topic in settings.topics)
    names = ", ".join(each.name for each in (*settings.queues, *topics))
    ports = f"{arguments.port} and {port} (TLS)" if tls else f"{port}"
    print(f"Service Bus emulator on {host}:{ports}, queues and topics: {names}", flush=True)
    stopping, failing = asyncio.create_task(stop.wait()), asyncio.create_task(server.failed())
    await asyncio.wait((stopping, failing), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    failure = failing.exception() if failing.done() else None
    failing.cancel()
    await server.stop()
    if failure is not None:
        print(f"{failure} The emulator stops, and acknowledges nothing more.", file=sys.stderr)
        return STORE_FAILED
    return 0


def _describe(host: str, port: int, option: str, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"Port {port} on {host} is taken: stop the program that listens there, or choose "
            f"another port with {option}."
        )
    return f"Port {port} on {host} cannot be used: {error.strerror}."


if __name__ == "__main__":
    sys.exit(main())
