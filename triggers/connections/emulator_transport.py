"""HTTP without TLS for the administration client of Service Bus, which calls https alone.

Microsoft's emulator and ours speak http. The import takes as long as the SDK's.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any
from urllib.parse import SplitResult, urlsplit, urlunsplit

from azure.core.exceptions import ServiceRequestError, ServiceResponseError
from azure.core.pipeline.transport import RequestsTransport

#: Where a connection string names no port: ours takes HTTP at AMQP's, Microsoft's at another one.
PORTS = (5672, 5300)


class PlainHttp(RequestsTransport):  # type: ignore[misc]
    """Sends every request to its host over http."""

    def send(self, request: Any, **kwargs: Any) -> Any:
        url = urlsplit(request.url)
        *others, last = (url.port,) if url.port else PORTS
        for port in others:
            with suppress(ServiceRequestError, ServiceResponseError):
                return self._send_to(url, port, request, **kwargs)
        return self._send_to(url, last, request, **kwargs)

    def _send_to(self, url: SplitResult, port: int, request: Any, **kwargs: Any) -> Any:
        address = f"{url.hostname}:{port}"
        request.url = urlunsplit(url._replace(scheme="http", netloc=address))
        return super().send(request, **kwargs)


def is_emulator(connection_string: str) -> bool:
    return "usedevelopmentemulator=true" in connection_string.casefold()
