"""Short addresses in the browser. In Azure an app has none of them.

    /        ->  /api/console
    /docs    ->  /api/docs

Each exists where the app has the page and no function of its own at the short address.
"""

from __future__ import annotations

from collections.abc import Mapping

from local.host.http_listener.response import Response
from local.host.http_listener.routes import Routes

#: The short address, and the route that it leads to, without the prefix.
PAGES = {"/": "console", "/docs": "docs"}


def find_shortcuts(routes: Routes, prefix: str) -> Mapping[str, Response]:
    """The redirect at each short address."""
    known = {route.template for route in routes.all}
    targets = {short: f"{prefix}/{page}".strip("/") for short, page in PAGES.items()}
    return {
        short: _redirect(f"/{target}")
        for short, target in targets.items()
        if target in known and short != f"/{target}"
    }


def _redirect(target: str) -> Response:
    # Temporary: a browser must not remember it for the next app on this port.
    return Response(
        302,
        (
            (b"location", target.encode()),
            (b"cache-control", b"no-store"),
            (b"content-length", b"0"),
        ),
    )
