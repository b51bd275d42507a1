"""HTTP without TLS for the administration client of Service Bus, which calls https alone.

Microsoft's emulator and ours speak http. The import takes as long as the SDK's.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit, urlunsplit

from azure.core.pipeline.transport import RequestsTransport

#: Where a connection string names no port: AMQP's, which takes HTTP too.
PORT = 5672


class PlainHttp(RequestsTransport):  # type: ignore[misc]
    """Sends every request to its host over http."""

    def send(self, request: Any, **kwargs: Any) -> Any:
        url = urlsplit(request.url)
        address = f"{url.hostname}:{url.port or PORT}"
        request.url = urlunsplit(url._replace(scheme="http", netloc=address))
        return super().send(request, **kwargs)


def is_emulator(connection_string: str) -> bool:
    return "usedevelopmentemulator=true" in connection_string.casefold()
