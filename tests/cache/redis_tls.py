"""redis-server with TLS only, like Azure's."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass

from local.emulators.ports import HOST
from local.emulators.redis_server import RedisServer
from tests.over_tls import OverTls


@dataclass(frozen=True)
class TlsRedisServer(OverTls[RedisServer]):
    """To its clients and to its like."""

    password: str = ""

    name = "redis over TLS"

    @property
    def port(self) -> int:
        return self.plain.port

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

    def is_healthy(self) -> bool:
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
