"""What can go wrong, by who must act."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class ClientError(Exception):
    """Every error of this package."""


class Refused(ClientError):
    """The app refuses this request: the caller must change it. It is not tried again.

    `status`: the HTTP status. `code`, `message`, `request_id`: of the app's error document.
    """

    def __init__(self, status: int, code: str, message: str, request_id: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.request_id = status, code, message, request_id


class AppUnavailable(ClientError):
    """No answer within the client's timeout: the app is away, overloaded or still at work."""


class ResultPending(AppUnavailable):
    """An enqueued request has no result yet. `progress`: of a blob's job, with rows and share."""

    def __init__(self, request_id: str, progress: Mapping[str, Any]) -> None:
        super().__init__(f"{request_id} has no result yet")
        self.progress = progress


class ScoringFailed(ClientError):
    """An enqueued request could not be scored. `document`: its result document."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        super().__init__(str(document["error"]["message"]))
        self.document = document
