"""Binds the host's port, before the app is loaded."""

from __future__ import annotations

import errno
import ipaddress
import socket
import time

from local.host.arguments import PORT_SETTING
from local.host.errors import HostError
from local.host.http_listener.keys import FUNCTION_KEY, MASTER_KEY, Keys

#: Seconds to wait for a taken port: the workers of a killed host release it within this time.
RELEASE_S = 1.5
RETRY_S = 0.05


def bind(host: str, port: int, keys: Keys) -> socket.socket:
    """A listening socket.

    Raises HostError if the address is taken, or reachable from other machines without a key.
    """
    if not keys.configured and not _is_loopback(host):
        raise HostError(
            f"listening on {host} needs a key: set {FUNCTION_KEY} or {MASTER_KEY}, "
            "or listen on 127.0.0.1"
        )
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as error:
        raise HostError(f"cannot listen on {host}: {error.strerror}") from error
    deadline = time.monotonic() + RELEASE_S
    while True:
        sock = socket.socket(family, kind, protocol)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(address)
            # SO_REUSEADDR lets two sockets bind one port; only one of them can listen.
            sock.listen()
        except OSError as error:
            sock.close()
            if error.errno == errno.EADDRINUSE and time.monotonic() < deadline:
                time.sleep(RETRY_S)
                continue
            raise HostError(
                f"cannot listen on {host}:{port}: {error.strerror}; choose another port with "
                f"--port or {PORT_SETTING}"
            ) from error
        return sock


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
