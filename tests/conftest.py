"""Fixtures that start real servers. Each test file gets servers of its own, empty.

A test that kills or pauses a server starts or resumes it before it ends.
"""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from local.emulators.redis_server import RedisServer
from tests import servers, waiting
from tests.servers import AzuriteProcess, BrokerProcess, HostProcess, RedisProcess, StartHost

# A run in the background of a shell ignores Ctrl-C, and so would every process that it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)

# How long one example takes says more of the machine than of the code.
hypothesis.settings.register_profile("triscore", deadline=None)
hypothesis.settings.load_profile("triscore")


@pytest.fixture(autouse=True)
def logging_enabled() -> Iterator[None]:
    """A command that runs in this process turns logging off, and the next test reads logs."""
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture(scope="session")
def free_port() -> Callable[[], int]:
    return servers.free_port


@pytest.fixture(scope="session")
def eventually() -> Callable[..., Any]:
    return waiting.eventually


@pytest.fixture(scope="session")
def eventually_async() -> Callable[..., Any]:
    return waiting.eventually_async


@pytest.fixture(scope="session")
def redis_program() -> None:
    """Without redis-server, tests that start it themselves are skipped; with CI set they fail."""
    servers.require(RedisServer(Path(), 0))


@pytest.fixture(scope="module")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisProcess]:
    with RedisProcess(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="module")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AzuriteProcess]:
    with AzuriteProcess(tmp_path_factory.mktemp("azurite")) as server:
        yield server


@pytest.fixture(scope="module")
def servicebus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerProcess]:
    with BrokerProcess(tmp_path_factory.mktemp("servicebus")) as server:
        yield server


@pytest.fixture(scope="module")
def start_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartHost]:
    """`start_host(app_dir, env, *args)`: a host that answers; `with` stops it early."""
    started: list[HostProcess] = []
    folder = tmp_path_factory.mktemp("host")
    number = count()

    def start(app_dir: Path, env: dict[str, str], *args: str) -> HostProcess:
        host = HostProcess(app_dir, env, args, folder / f"host-{next(number)}.log")
        started.append(host)
        host.wait_ready()
        return host

    yield start
    for host in started:
        host.stop()
