"""What an error of the storage SDK means to a call: wait, look again, or end."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from azure.core.exceptions import AzureError, HttpResponseError, ServiceResponseError

from inference.errors import InternalError, ScoringError
from triggers.statuses import comes_again

#: Refusals that pass: throttled, a role that is not assigned yet, a lease that somebody holds, a
#: blob or container that is replaced just now.
_PASSING_STATUSES = frozenset({401, 403, 404, 408, 412, 429})
_PASSING_CODES = frozenset({"AccountBeingCreated", "ContainerBeingDeleted", "PendingCopyOperation"})


class BlobGone(Exception):
    """The blob was taken away before it could be read: there is nothing to score."""


class BlobChanged(Exception):
    """Another version of the blob stands in its place now."""


def passes(error: Exception) -> bool:
    """Whether the same call may succeed a while later."""
    if isinstance(error, ScoringError):
        return comes_again(error)
    if not isinstance(error, AzureError):
        return False
    status = error.status_code if isinstance(error, HttpResponseError) else None
    return (
        status is None  # no answer came
        or status < 400  # one came that can not be read
        or status >= 500
        or status in _PASSING_STATUSES
        or code_of(error) in _PASSING_CODES
    )


def code_of(error: Exception) -> str:
    """The service's own name for what is wrong, else the error's class."""
    code = getattr(error, "error_code", None) or type(error).__name__
    return str(getattr(code, "value", code))


def as_scoring_error(error: Exception) -> ScoringError:
    """What a document says of an error."""
    if isinstance(error, ScoringError):
        return error
    where = "storage: " if isinstance(error, AzureError) else ""
    return InternalError(where + code_of(error))


@contextlib.contextmanager
def storage_call() -> Iterator[None]:
    """What the SDK and the libraries below it let through counts as an answer that did not come."""
    try:
        yield
    except AzureError:
        raise
    except Exception as error:
        raise ServiceResponseError(f"{type(error).__name__} in a call of storage") from error
