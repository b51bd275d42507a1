"""A health check over a plain socket, without a client library and its retries."""

from __future__ import annotations

import socket

from local.emulators.ports import HOST

#: Seconds for connecting, and for each part of the answer.
TIMEOUT_S = 1.0

#: The expected bytes are at the start of an answer.
MAX_BYTES = 4096


def answers(port: int, request: bytes, *, expected: bytes) -> bool:
    """Send the request. Returns whether the answer contains the expected bytes."""
    received = b""
    try:
        with socket.create_connection((HOST, port), TIMEOUT_S) as connection:
            connection.sendall(request)
            while expected not in received and len(received) < MAX_BYTES:
                part = connection.recv(MAX_BYTES)
                if not part:
                    break
                received += part
    except OSError:
        return False
    return expected in received
