"""redis-server over TLS only, as Azure has it."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from emulators.ports import HOST
from emulators.redis_server import RedisServer
from tests.certificates import Certificate


@dataclass(frozen=True)
class TlsRedisServer:
    """The plain server, started so that it speaks TLS, to its clients and to its like."""

    plain: RedisServer
    certificate: Certificate
    password: str = ""

    name = "redis over TLS"

    @property
    def data(self) -> Path:
        return self.plain.data

    @property
    def port(self) -> int:
        return self.plain.port

    @property
    def ports(self) -> tuple[int, ...]:
        return self.plain.ports

    def environment(self) -> Mapping[str, str]:
        return {}

    def command(self) -> list[str]:
        options = {
            "port": "0",
            "tls-port": str(self.port),
            "tls-auth-clients": "no",
            "tls-cert-file": str(self.certificate.file),
            "tls-key-file": str(self.certificate.key),
            "tls-ca-cert-file": str(self.certificate.file),
            "tls-cluster": "yes",
            "tls-replication": "yes",
            "requirepass": self.password,
        }
        return [
            *self.plain.command(),
            *(word for name, value in options.items() for word in (f"--{name}", value)),
        ]

    def healthy(self) -> bool:
        context = ssl.create_default_context(cafile=self.certificate.file)
        context.check_hostname = False
        try:
            with (
                socket.create_connection((HOST, self.port), 1) as connection,
                context.wrap_socket(connection) as channel,
            ):
                channel.sendall(b"PING\r\n")
                return channel.recv(100).startswith(b"-NOAUTH" if self.password else b"+PONG")
        except OSError:
            return False
