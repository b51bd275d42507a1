"""Storage: the containers of blobs and messages exist, and the app may read and write them.

The check writes nothing to the input container and takes nothing out of a queue. The SDK blocks the
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
from azure.storage.blob import BlobServiceClient

from deploy import connections
from deploy.app_settings import HOST_STORAGE, AppSettings
from deploy.connections import POISON_QUEUE
from deploy.doctor.findings import DEADLINE_S, LOCAL, NOT_CHECKED, Finding
from deploy.errors import Refused
from triggers.settings import SERVICE_BUS, STORAGE, TriggerSettings

#: No retries, so that an account that does not answer ends the check within the deadline.
_ONCE: dict[str, Any] = {
    "retry_total": 0,
    "connection_timeout": DEADLINE_S,
    "read_timeout": DEADLINE_S,
}
_DENIED = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
_BLOB_ROLE, _QUEUE_ROLE = "Storage Blob Data Owner", "Storage Queue Data Contributor"


async def check(app: AppSettings) -> AsyncIterator[Finding]:
    settings = app.triggers
    if settings is None:
        yield NOT_CHECKED
        return
    if not settings.triggers & {"blob", "servicebus"}:
        yield Finding("TRIGGERS has neither blob nor servicebus: no account is needed")
        return
    if "blob" not in settings.triggers and not any(name.startswith(STORAGE) for name in app.env):
        yield Finding(
            f"{STORAGE} is not set: messages can't name blobs, and a result that is too large for"
            " the queue is found under its id only"
        )
        return
    if connections.uses_emulators(app.env, STORAGE, HOST_STORAGE, SERVICE_BUS):
        yield LOCAL
        return
    try:
        for finding in _findings(app.env, settings):
            yield finding
    except (ServiceRequestError, ServiceResponseError) as error:
        yield Finding(
            f"the account of {STORAGE} or of {HOST_STORAGE} does not answer",
            f"start it, or correct its address or firewall ({error})",
        )


def _findings(env: Mapping[str, str], settings: TriggerSettings) -> Iterator[Finding]:
    """Raises ServiceRequestError, ServiceResponseError for an account that does not answer."""
    source, target = settings.input_blob_path.partition("/")[0], settings.output_container
    claims, scores_blobs = settings.claim_container, "blob" in settings.triggers
    try:
        account = connections.blobs(env, STORAGE)
    except Refused as error:
        yield Finding(f"the containers of {STORAGE} cannot be checked", str(error))
    else:
        with account:
            if scores_blobs:
                yield _check(f"container {source}", lambda: _list(account, source), _BLOB_ROLE)
            yield _check(f"container {target}", lambda: _write(account, target), _BLOB_ROLE)
            if "servicebus" in settings.triggers:
                yield _check(f"container {claims}", lambda: _claims(account, claims), _BLOB_ROLE)
        if scores_blobs:
            yield _check(f"queue {POISON_QUEUE}", lambda: _poison(env), _QUEUE_ROLE)
    yield _check(f"the account of {HOST_STORAGE}", lambda: _host(env), _BLOB_ROLE)


def _check(what: str, ask: Callable[[], Finding], role: str) -> Finding:
    try:
        return ask()
    except Refused as error:
        return Finding(f"{what} cannot be checked", str(error))
    except HttpResponseError as error:
        if error.status_code is None:
            return Finding(f"{what} needs an identity, and none is signed in", "run `az login`")
        headers: Mapping[str, str] = getattr(error.response, "headers", {})
        code = headers.get("x-ms-error-code", error.status_code)
        if error.status_code in _DENIED:
            return Finding(
                f"{what} denies access ({code})",
                f"correct the key, or give the identity the role {role}",
            )
        return Finding(f"{what} answers {code}", "look this code up in the storage account's docs")


def _list(account: BlobServiceClient, name: str) -> Finding:
    container = account.get_container_client(name)
    try:
        next(container.list_blobs(results_per_page=1, **_ONCE), None)
    except ResourceNotFoundError:
        return Finding(
            f"container {name} does not exist",
            f"create it (`az storage container create -n {name}`), or name another in"
            " INPUT_BLOB_PATH",
        )
    return Finding(f"container {name} can be listed")


def _claims(account: BlobServiceClient, name: str) -> Finding:
    try:
        next(account.get_container_client(name).list_blobs(results_per_page=1, **_ONCE), None)
    except ResourceNotFoundError:
        return Finding(f"container {name} does not exist yet: the app creates it when it starts")
    return Finding(f"container {name} can be listed")


def _write(account: BlobServiceClient, name: str) -> Finding:
    """Write, read and delete a blob in the output container, which triggers nothing."""
    blob = account.get_blob_client(name, f"triscore-doctor-{secrets.token_hex(8)}")
    try:
        blob.upload_blob(b"probe", **_ONCE)
    except ResourceNotFoundError:
        return Finding(
            f"container {name} does not exist yet: the app creates it with its first blob"
        )
    try:
        blob.download_blob(**_ONCE).readall()
    finally:
        blob.delete_blob(**_ONCE)
    return Finding(f"container {name} can be written and read")


def _poison(env: Mapping[str, str]) -> Finding:
    with connections.queues(env, STORAGE) as account:
        try:
            messages = account.get_queue_client(POISON_QUEUE).peek_messages(1, **_ONCE)
        except ResourceNotFoundError:
            messages = []
    if messages:
        return Finding(
            f"queue {POISON_QUEUE} lists blobs whose tries ran out",
            "run `triscore requeue`: it shows each with its error, and sends them again"
            " once the cause is fixed",
        )
    return Finding(f"queue {POISON_QUEUE} is empty: no blob's tries ran out")


def _host(env: Mapping[str, str]) -> Finding:
    with connections.blobs(env, HOST_STORAGE) as account:
        next(iter(account.list_containers(results_per_page=1, **_ONCE)), None)
    return Finding(f"the account of {HOST_STORAGE} can be listed")
