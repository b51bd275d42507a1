"""Responses that a script made itself: AMLResponse, or any other of werkzeug's."""

from __future__ import annotations

import sys

from inference.scripts.question import Reply


def as_reply(value: object) -> Reply | None:
    """The reply that a returned response makes; None for any other value.

    Blocks on a streamed response until it is complete. Does not import werkzeug: a script that
    returns a response has imported it.
    """
    wrappers = sys.modules.get("werkzeug.wrappers")
    if wrappers is None or not isinstance(value, wrappers.Response):
        return None
    try:
        return Reply(
            body=value.get_data(),
            content_type=value.content_type or "application/octet-stream",
            status=value.status_code,
            headers=tuple(
                (name.lower(), text)
                for name, text in value.headers
                if name.lower() not in ("content-type", "content-length")
            ),
        )
    finally:
        value.close()
