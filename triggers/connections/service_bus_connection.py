"""What a Service Bus connection must be for an app that reads one queue and writes another."""

from __future__ import annotations

import re
from collections.abc import Iterator

from triggers.connections.connection_strings import parts

_STRING = (
    "a connection string of a namespace, `Endpoint=sb://NAME.servicebus.windows.net/;"
    "SharedAccessKeyName=…;SharedAccessKey=…` (portal: the namespace, Shared access policies)"
)
_NAME = "the namespace's host name alone, as NAME.servicebus.windows.net"
_HOST = re.compile(r"(localhost|[\w-]+(\.[\w-]+)+)(:\d+)?|[\w-]+:\d+", re.ASCII)


def of_string(text: str) -> Iterator[str]:
    """What to write in place of a connection string that can't work."""
    told = parts(text)
    if told is None or "endpoint" not in told:
        what = "; this is a storage account's" if told and "accountname" in told else ""
        yield f"{_STRING}{what}"
        return
    if not re.match(r"sb://[^/\s]", told["endpoint"], re.IGNORECASE):
        yield f"{_STRING}: its Endpoint begins with sb://"
    if "entitypath" in told:
        yield (
            "a connection string of the namespace, and this is one queue's (it ends in EntityPath),"
            " with which the other queue can't be reached: copy one under the namespace's own"
            " Shared access policies, with Listen and Send"
        )
    if not told.get("sharedaccesssignature"):
        for name in ("SharedAccessKeyName", "SharedAccessKey"):
            if not told.get(name.lower()):
                yield f"{_STRING}: it has no {name}"


def of_name(text: str) -> Iterator[str]:
    """What to write in place of a host name that can't work."""
    if not _HOST.fullmatch(text):
        yield f"{_NAME}: no sb:// or https://, no slash, no key"
