"""A Redis cluster on this machine."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from redis import Redis

from local.emulators.ports import HOST
from local.emulators.redis_server import RedisServer
from tests.cache.redis_tls import TlsRedisServer
from tests.certificates import Certificate
from tests.servers import ServerProcess, free_port
from tests.waiting import eventually


@dataclass(frozen=True)
class ClusterServer(RedisServer):
    """A node of a cluster; the others call it at `bus_port`."""

    bus_port: int = 0

    def command(self) -> list[str]:
        options = {
            "cluster-enabled": "yes",
            "cluster-announce-ip": HOST,
            "cluster-port": str(self.bus_port),
            "cluster-node-timeout": "2000",
            # A replica counts from its first ping on.
            "repl-diskless-sync-delay": "0",
            "repl-ping-replica-period": "1",
        }
        return [
            *super().command(),
            *(word for name, value in options.items() for word in (f"--{name}", value)),
        ]


class ClusterProcess:
    """Three nodes, each with a third of the slots, and a replica of the last."""

    def __init__(self, folder: Path, certificate: Certificate | None = None) -> None:
        self.certificate = certificate
        self._servers = [
            ClusterServer(folder / f"data-{number}", free_port(), bus_port=free_port())
            for number in range(4)
        ]
        self.nodes = [
            ServerProcess(
                TlsRedisServer(server, certificate) if certificate else server,
                folder / f"redis-{number}.log",
            )
            for number, server in enumerate(self._servers)
        ]
        port = self.nodes[0].port
        self.url = f"rediss://localhost:{port}" if certificate else f"redis://{HOST}:{port}"

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            for node in self.nodes:
                stack.enter_context(node)
            self._join()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def ask(self, node: int, command: str) -> Any:
        options: dict[str, Any] = {"decode_responses": True}
        if self.certificate:
            options |= {"ssl": True, "ssl_ca_certs": str(self.certificate.file)}
        with Redis("localhost", self.nodes[node].port, **options) as client:
            return client.execute_command(command)

    def kill(self) -> None:
        for node in self.nodes:
            node.kill()

    def start(self) -> None:
        for node in self.nodes:
            node.start()

    def is_whole(self) -> bool:
        """Whether every node knows of every other, and that all slots are served."""
        return all(
            self.ask(node, "CLUSTER INFO")["cluster_state"] == "ok"
            and len(self.ask(node, "CLUSTER SLOTS")) == 3
            for node in range(len(self.nodes))
        )

    def is_primary(self, node: int) -> bool:
        return "role:master" in self.ask(node, "INFO replication")

    def is_guarded(self) -> bool:
        """Whether, besides, one stands by, up to date, and every node knows of it."""
        nodes = range(len(self.nodes))
        return (
            self.is_whole()
            and any("master_link_status:up" in self.ask(node, "INFO replication") for node in nodes)
            # First slot, last slot and primary, and one of three has a replica.
            and all(sum(map(len, self.ask(node, "CLUSTER SLOTS"))) == 3 * 3 + 1 for node in nodes)
        )

    def _join(self) -> None:
        for node, (first, last) in enumerate([(0, 5460), (5461, 10922), (10923, 16383)]):
            self.ask(node, f"CLUSTER ADDSLOTSRANGE {first} {last}")
        for other in self._servers[1:]:
            self.ask(0, f"CLUSTER MEET {HOST} {other.port} {other.bus_port}")
        eventually(self.is_whole)
        self.ask(3, f"CLUSTER REPLICATE {self.ask(2, 'CLUSTER MYID')}")
        eventually(self.is_guarded)
