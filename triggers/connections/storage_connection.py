"""Checks of a storage connection. A blob trigger needs the blobs and the queues of one account."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from urllib.parse import SplitResult, urlsplit

from triggers.connections import connection_strings

_STRING = (
    "a connection string of a storage account, `DefaultEndpointsProtocol=https;AccountName=…;"
    "AccountKey=…;EndpointSuffix=core.windows.net` (portal: the account, Access keys)"
)
_ADDRESS = "the address of the account's service alone, like https://NAME.blob.core.windows.net"
#: The longest name of an account or a container. A key is longer.
_MAX_NAME = 24
#: Emulators have a port or a host without a domain, and the account's name in the path.
_EMULATOR = re.compile(r"[^.:]+|[\d.]+|.+:\d+")


def check_connection_string(text: str) -> Iterator[str]:
    values = connection_strings.parse(text)
    if values is None:
        yield f"{_STRING}; this is {_guess(text)}"
    elif "endpoint" in values:
        yield f"{_STRING}; this is a Service Bus namespace's"
    elif values.get("usedevelopmentstorage", "").lower() != "true":
        yield from _check_key(values) or _check_endpoints(values)


def check_address(text: str) -> Iterator[str]:
    """The check of a service's address, which an identity signs in to."""
    try:
        address = urlsplit(text)
    except ValueError:  # for example a bracket too many
        yield f"{_ADDRESS}: this is no address"
        return
    if address.scheme not in ("https", "http") or not address.hostname:
        yield f"{_ADDRESS}: it begins with https://"
    elif address.query or address.fragment or address.username:
        yield f"{_ADDRESS}: without a question mark and what follows it, as an identity signs in"
    elif _names_a_container(address):
        yield f"{_ADDRESS}: without a container, which INPUT_BLOB_PATH and OUTPUT_CONTAINER name"


def check_together(name: str, env: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Faults of a connection's settings beside each other: the setting's name, and what was
    expected.
    """
    blob, queue = env.get(f"{name}__blobServiceUri", ""), env.get(f"{name}__queueServiceUri", "")
    text = env.get(name, "")
    if not (text or blob or env.get(f"{name}__serviceUri")):
        yield from _check_other_names(name, env)
    elif text and blob:
        if _are_two_accounts(_account_of_string(text), _account(blob)):
            yield f"{name}__blobServiceUri", f"the account of {name}, or only one of the two set"
    elif blob and not queue:
        yield (
            f"{name}__blobServiceUri",
            f"{name}__queueServiceUri beside it: a blob trigger keeps a queue in the account",
        )
    elif _are_two_accounts(_account(blob), _account(queue)):
        yield f"{name}__queueServiceUri", f"the same account as in {name}__blobServiceUri"


def _check_other_names(name: str, env: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Settings that the app does not read, if it has none that it reads."""
    for other in (f"AzureWebJobs{name}", f"{name}__accountName"):
        if env.get(other):
            yield other, f"another name: the app reads {name}, or {name}__blobServiceUri"
    if env.get(f"{name}__queueServiceUri"):
        yield f"{name}__queueServiceUri", f"{name}__blobServiceUri beside it"


def _check_key(values: Mapping[str, str]) -> list[str]:
    key = values.get("accountkey", "")
    if not key:
        return [] if values.get("sharedaccesssignature") else [f"{_STRING}: it has no AccountKey"]
    if not values.get("accountname"):
        return [f"{_STRING}: it has no AccountName"]
    return [] if _is_key(key) else [f"{_STRING}: its AccountKey is cut off or no key"]


def _check_endpoints(values: Mapping[str, str]) -> list[str]:
    name = values.get("accountname")
    blob, queue = (values.get(f"{service}endpoint", "") for service in ("blob", "queue"))
    missing = ""
    if not (name or blob):
        missing = "BlobEndpoint"
    elif blob and not queue and _account(blob) != name:
        missing = "QueueEndpoint"
    if missing:
        return [f"{_STRING}: it has no {missing}, and a blob trigger needs blobs and queues"]
    if _are_two_accounts(_account(blob), _account(queue)):
        return ["a connection string whose BlobEndpoint and QueueEndpoint are of one account"]
    return []


def _are_two_accounts(one: str | None, other: str | None) -> bool:
    return one is not None and other is not None and one != other


def _account_of_string(text: str) -> str | None:
    return (connection_strings.parse(text) or {}).get("accountname") or None


def _names_a_container(address: SplitResult) -> bool:
    account_segments = 1 if _EMULATOR.fullmatch(address.netloc) else 0
    return len(list(filter(None, address.path.split("/")))) > account_segments


def _account(address: str) -> str | None:
    """The account in an address of Azure; None for any other address."""
    found = re.match(r"https?://([a-z0-9]+)\.(?:blob|queue)\.", address, re.IGNORECASE)
    return found[1].lower() if found else None


def _guess(text: str) -> str:
    """What a text is that is no connection string."""
    if text.lower().startswith(("https://", "http://")):
        return "an address"
    return "an account key alone" if len(text) > _MAX_NAME and _is_key(text) else "none"


def _is_key(text: str) -> bool:
    try:
        return len(base64.b64decode(text, validate=True)) > 0
    except ValueError:
        return False
