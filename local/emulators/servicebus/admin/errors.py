"""What the administration API refuses, with the HTTP status.

AdminError
├── BadRequest     400
├── NotFound       404
└── Conflict       409
"""

from __future__ import annotations

from typing import ClassVar


class AdminError(Exception):
    """The text is one sentence, which the client's SDK shows."""

    status: ClassVar[int]


class BadRequest(AdminError):
    status = 400


class NotFound(AdminError):
    status = 404


class Conflict(AdminError):
    status = 409
