"""What a storage connection must be for a blob trigger: it needs an account's blobs and queues."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from triggers.connections.connection_strings import parts

_STRING = (
    "a connection string of a storage account, `DefaultEndpointsProtocol=https;AccountName=…;"
    "AccountKey=…;EndpointSuffix=core.windows.net` (portal: the account, Access keys)"
)
_ADDRESS = "the address of the account's service alone, as https://NAME.blob.core.windows.net"
#: Characters that a name has at most, and a key more of.
_WORD = 24
#: Of an emulator, whose accounts have their names in the path: a port, or a host of no domain.
_EMULATORS = re.compile(r"[^.:]+|[\d.]+|.+:\d+")


def of_string(text: str) -> Iterator[str]:
    """What to write in place of a connection string that can't work."""
    told = parts(text)
    if told is None:
        yield f"{_STRING}; this is {_taken_for(text)}"
    elif "endpoint" in told:
        yield f"{_STRING}; this is a Service Bus namespace's"
    elif told.get("usedevelopmentstorage", "").lower() != "true":
        yield from _of_parts(told)


def of_address(text: str) -> Iterator[str]:
    """What to write in place of a service's address that can't work."""
    try:
        address = urlsplit(text)
    except ValueError:  # a bracket too many
        yield f"{_ADDRESS}: this is none"
        return
    if address.scheme not in ("https", "http") or not address.hostname:
        yield f"{_ADDRESS}: it begins with https://"
    elif address.query or address.fragment or address.username:
        yield f"{_ADDRESS}: without what follows a question mark, an identity signs in"
    elif len(_segments(address.path)) > (1 if _EMULATORS.fullmatch(address.netloc) else 0):
        yield f"{_ADDRESS}: without a container, which INPUT_BLOB_PATH and OUTPUT_CONTAINER name"


def of_all(name: str, env: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """What is wrong with the settings of a connection together, each with the setting's name."""
    blob, queue = (env.get(f"{name}__{each}ServiceUri", "") for each in ("blob", "queue"))
    text = env.get(name, "")
    if not (text or blob or env.get(f"{name}__serviceUri")):
        for other in (f"AzureWebJobs{name}", f"{name}__accountName"):
            if env.get(other):
                yield other, f"another name: the app reads {name}, or {name}__blobServiceUri"
        if queue:
            yield f"{name}__queueServiceUri", f"{name}__blobServiceUri beside it"
    elif text and blob:
        told = (parts(text) or {}).get("accountname")
        if told and _account(blob) not in (None, told):
            yield f"{name}__blobServiceUri", f"the account of {name}, or only one of the two set"
    elif blob and not queue:
        yield (
            f"{name}__blobServiceUri",
            (f"{name}__queueServiceUri beside it: a blob trigger keeps a queue in the account"),
        )
    elif _apart(blob, queue):
        yield f"{name}__queueServiceUri", f"the same account as in {name}__blobServiceUri"


def _of_parts(told: Mapping[str, str]) -> Iterator[str]:
    by_name, key = told.get("accountname"), told.get("accountkey", "")
    blob, queue = (told.get(f"{each}endpoint", "") for each in ("blob", "queue"))
    if not (key or told.get("sharedaccesssignature")):
        yield f"{_STRING}: it has no AccountKey"
    elif key and not by_name:
        yield f"{_STRING}: it has no AccountName"
    elif key and not _is_key(key):
        yield f"{_STRING}: its AccountKey is cut off, or is none"
    elif not (by_name or blob) or (blob and not queue and _account(blob) != by_name):
        missing = "QueueEndpoint" if blob else "BlobEndpoint"
        yield f"{_STRING}: it has no {missing}, and a blob trigger needs blobs and queues"
    elif _apart(blob, queue):
        yield "a connection string whose BlobEndpoint and QueueEndpoint are of one account"


def _apart(blob: str, queue: str) -> bool:
    """Whether two addresses name two accounts."""
    known = {_account(blob), _account(queue)} - {None}
    return len(known) > 1


def _account(address: str) -> str | None:
    """The account that Azure's own address of a service names; None for any other address."""
    found = re.match(r"https?://([a-z0-9]+)\.(?:blob|queue)\.", address, re.IGNORECASE)
    return found[1].lower() if found else None


def _taken_for(text: str) -> str:
    if text.lower().startswith(("https://", "http://")):
        return "an address"
    return "an account key alone" if len(text) > _WORD and _is_key(text) else "none"


def _is_key(text: str) -> bool:
    try:
        return len(base64.b64decode(text, validate=True)) > 0
    except ValueError:
        return False


def _segments(path: str) -> list[str]:
    return [part for part in path.split("/") if part]
