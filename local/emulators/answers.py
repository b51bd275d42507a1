"""Health checks over bare sockets: no client library, no retries."""

from __future__ import annotations

import socket

from local.emulators.ports import HOST

#: Seconds for connecting, and again for each piece of the answer.
TIMEOUT_S = 1.0

#: An answer's beginning tells enough.
MAX_BYTES = 4096


def to(port: int, request: bytes, *, expected: bytes) -> bool:
    """Whether the answer to a request holds the expected bytes."""
    received = b""
    try:
        with socket.create_connection((HOST, port), TIMEOUT_S) as connection:
            connection.sendall(request)
            while expected not in received and len(received) < MAX_BYTES:
                piece = connection.recv(MAX_BYTES)
                if not piece:
                    break
                received += piece
    except OSError:
        return False
    return expected in received
