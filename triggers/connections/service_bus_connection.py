"""Checks of a Service Bus connection, for an app that reads one queue and writes to another."""

from __future__ import annotations

import re
from collections.abc import Iterator

from triggers.connections import connection_strings

_STRING = (
    "a connection string of a namespace, `Endpoint=sb://NAME.servicebus.windows.net/;"
    "SharedAccessKeyName=…;SharedAccessKey=…` (portal: the namespace, Shared access policies)"
)
_HOST_NAME = (
    "the namespace's host name alone, like NAME.servicebus.windows.net: no sb:// or https://,"
    " no slash, no key"
)
_HOST = re.compile(r"(localhost|[\w-]+(\.[\w-]+)+)(:\d+)?|[\w-]+:\d+", re.ASCII)


def check_connection_string(text: str) -> Iterator[str]:
    values = connection_strings.parse(text)
    if values is None or "endpoint" not in values:
        is_storage = values is not None and "accountname" in values
        yield f"{_STRING}; this is a storage account's" if is_storage else _STRING
        return
    if not re.match(r"sb://[^/\s]", values["endpoint"], re.IGNORECASE):
        yield f"{_STRING}: its Endpoint begins with sb://"
    if "entitypath" in values:
        yield (
            "a connection string of the namespace, and this is one queue's (it has an EntityPath),"
            " which can't reach the other queue: copy one with Listen and Send from the namespace's"
            " own Shared access policies"
        )
    if not values.get("sharedaccesssignature"):
        for name in ("SharedAccessKeyName", "SharedAccessKey"):
            if not values.get(name.lower()):
                yield f"{_STRING}: it has no {name}"


def check_host_name(text: str) -> Iterator[str]:
    if not _HOST.fullmatch(text):
        yield _HOST_NAME


def uses_tls(namespace: str) -> bool:
    """Whether a namespace, by its host name, speaks TLS. An emulator on this machine does not."""
    return namespace.partition(":")[0] not in ("localhost", "127.0.0.1")
