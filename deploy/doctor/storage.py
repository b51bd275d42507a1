"""Storage: the blob door's containers are there, and may be read and written.

Nothing is put where blobs are scored from, and nothing is taken out of a queue. The SDK blocks the
event loop, on which nothing else runs.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from http import HTTPStatus
from typing import Any

from azure.core.exceptions import (
    HttpResponseError,
    ResourceNotFoundError,
    ServiceRequestError,
    ServiceResponseError,
)

from deploy.doctor.configured import Configured
from deploy.doctor.findings import DEADLINE_S, UNREAD, Finding
from deploy.doctor.names import HOST_STORAGE
from local.host.app.connections import Connections, spell_out
from local.host.blob_listener.poison import QUEUE as POISON
from local.host.errors import HostError
from triggers.settings import STORAGE, TriggerSettings

#: One try, so that silence ends with the deadline.
_ONCE: dict[str, Any] = {
    "retry_total": 0,
    "connection_timeout": DEADLINE_S,
    "read_timeout": DEADLINE_S,
}
_REFUSED = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
_BLOBS, _QUEUES = "Storage Blob Data Owner", "Storage Queue Data Contributor"


async def check(configured: Configured) -> AsyncIterator[Finding]:
    doors = configured.doors
    if doors is None:
        yield UNREAD
        return
    if "blob" not in doors.triggers:
        yield Finding("TRIGGERS leaves the blob door closed")
        return
    env = dict(configured.env)
    spell_out(env, (HOST_STORAGE, STORAGE))
    connections = Connections(env)
    try:
        for finding in _findings(connections, doors):
            yield finding
    except (ServiceRequestError, ServiceResponseError) as error:
        yield Finding(
            f"an account of {STORAGE} or {HOST_STORAGE} does not answer",
            f"start it, or correct its address or firewall ({error})",
        )
    finally:
        await connections.close()


def _findings(connections: Connections, doors: TriggerSettings) -> Iterator[Finding]:
    """Raises ServiceRequestError, ServiceResponseError where an account is away."""
    source, target = doors.input_blob_path.partition("/")[0], doors.output_container
    try:
        connections.blobs(STORAGE)
    except HostError as error:
        yield Finding(f"containers of {STORAGE}", str(error))
    else:
        yield _told(f"container {source}", lambda: _read(connections, source), _BLOBS)
        yield _told(f"container {target}", lambda: _written(connections, target), _BLOBS)
        yield _told(f"queue {POISON}", lambda: _given_up(connections), _QUEUES)
    yield _told(f"account of {HOST_STORAGE}", lambda: _host(connections), _BLOBS)


def _told(what: str, ask: Callable[[], Finding], role: str) -> Finding:
    try:
        return ask()
    except HostError as error:
        return Finding(what, str(error))
    except HttpResponseError as error:
        if error.status_code is None:
            return Finding(what, "no identity signs in here: `az login`")
        headers: Mapping[str, str] = getattr(error.response, "headers", {})
        code = headers.get("x-ms-error-code", error.status_code)
        if error.status_code in _REFUSED:
            mend = f"refused ({code}): correct the key, or give the identity the role {role}"
            return Finding(what, mend)
        return Finding(what, f"mend what storage says: {code}")


def _read(connections: Connections, name: str) -> Finding:
    container = connections.blobs(STORAGE).get_container_client(name)
    try:
        next(container.list_blobs(results_per_page=1, **_ONCE), None)
    except ResourceNotFoundError:
        made = (
            f"make it, or name another in INPUT_BLOB_PATH: `az storage container create -n {name}`"
        )
        return Finding(f"container {name} is not there", made)
    return Finding(f"container {name} can be listed")


def _written(connections: Connections, name: str) -> Finding:
    """Put a blob where nothing is scored from, read it and delete it."""
    blob = connections.blobs(STORAGE).get_blob_client(
        name, f"triscore-doctor-{secrets.token_hex(8)}"
    )
    try:
        blob.upload_blob(b"probe", **_ONCE)
    except ResourceNotFoundError:
        return Finding(f"container {name} is not there yet: the app makes it with its first blob")
    try:
        blob.download_blob(**_ONCE).readall()
    finally:
        blob.delete_blob(**_ONCE)
    return Finding(f"container {name} can be written and read")


def _given_up(connections: Connections) -> Finding:
    queue = connections.queues(STORAGE).get_queue_client(POISON)
    try:
        waiting = queue.peek_messages(1, **_ONCE)
    except ResourceNotFoundError:
        waiting = []
    if waiting:
        return Finding(
            f"queue {POISON} names blobs that were given up",
            "`python -m deploy requeue` says why, and sends them round once that is mended",
        )
    return Finding("no blob was given up")


def _host(connections: Connections) -> Finding:
    next(iter(connections.blobs(HOST_STORAGE).list_containers(results_per_page=1, **_ONCE)), None)
    return Finding(f"the account of {HOST_STORAGE} can be listed")
