"""What an error of the storage SDK means for a call: retry, look again, or fail."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from azure.core.exceptions import AzureError, HttpResponseError, ServiceResponseError

from inference.errors import InternalError, ScoringError
from triggers import statuses

#: Statuses of errors that pass: throttling, a role that is not assigned yet, another's lease, a
#: blob or container that is being replaced.
_RETRYABLE_STATUSES = frozenset({401, 403, 404, 408, 412, 429})
_RETRYABLE_CODES = frozenset(
    {"AccountBeingCreated", "ContainerBeingDeleted", "PendingCopyOperation"}
)


class BlobGone(Exception):
    """The blob was deleted before it was read: there is nothing to score."""


class BlobChanged(Exception):
    """The blob was replaced by another version."""


class LastAttemptFailed(Exception):
    """The last attempt failed with `error`, and the blob has its result document."""

    def __init__(self, error: Exception) -> None:
        self.error = error


def is_retryable(error: Exception) -> bool:
    """Whether the same call may succeed later."""
    if isinstance(error, ScoringError):
        return statuses.is_retryable(error)
    if not isinstance(error, AzureError):
        return False
    status = error.status_code if isinstance(error, HttpResponseError) else None
    return (
        status is None  # there was no response
        or status < 400  # there was one that can't be read
        or status >= 500
        or status in _RETRYABLE_STATUSES
        or error_code(error) in _RETRYABLE_CODES
    )


def error_code(error: Exception) -> str:
    """The storage service's code of an error, else the name of its class."""
    code = getattr(error, "error_code", None) or type(error).__name__
    return str(getattr(code, "value", code))


def as_scoring_error(error: Exception) -> ScoringError:
    """An error as result documents show it."""
    if isinstance(error, ScoringError):
        return error
    where = "storage: " if isinstance(error, AzureError) else ""
    return InternalError(where + error_code(error))


@contextlib.contextmanager
def storage_call() -> Iterator[None]:
    """Raise AzureError alone. Errors of the libraries below the SDK become ServiceResponseError."""
    try:
        yield
    except AzureError:
        raise
    except Exception as error:
        raise ServiceResponseError(f"{type(error).__name__} in a call of storage") from error
