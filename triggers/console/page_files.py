"""The files of a page, with their types, their ETags and the policy that guards the page."""

from __future__ import annotations

import hashlib
from pathlib import Path
from urllib.parse import urlsplit

import azure.functions as func

from triggers import responses

TYPES = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
#: Stands in a page for the prefix of the app's routes: `/api`.
PREFIX = b"{prefix}"

#: What a page may load: this app's own files and answers.
_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}


def page(req: func.HttpRequest, path: Path, **policy: str) -> func.HttpResponse:
    """An HTML file. `policy` replaces parts of the content security policy: `style_src="…"`."""
    # The page may be opened with a slash at its end, so it can't name its files relatively.
    prefix = urlsplit(req.url).path.rstrip("/").rpartition("/")[0]
    content = path.read_bytes().replace(PREFIX, prefix.encode())
    rules = _POLICY | {name.replace("_", "-"): value for name, value in policy.items()}
    text = "; ".join(f"{name} {value}" for name, value in rules.items())
    return _response(req, content, path.suffix, {"content-security-policy": text})


def asset(req: func.HttpRequest, folder: Path) -> func.HttpResponse | None:
    """The file of a folder that the route names; None if there is none of a known type.

    Never a page: `page` serves it, with its policy.
    """
    name = req.route_params.get("file", "")
    path = folder / name
    is_known = path.suffix in TYPES and path.suffix != ".html"
    if name != path.name or not is_known or not path.is_file():
        return None
    return _response(req, path.read_bytes(), path.suffix, {})


def _response(
    req: func.HttpRequest, content: bytes, suffix: str, more: dict[str, str]
) -> func.HttpResponse:
    etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers = {
        "etag": etag,
        "cache-control": "no-cache",
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        **more,
    }
    if etag in req.headers.get("if-none-match", ""):
        return responses.body(304, b"", headers, kind=TYPES[suffix])
    return responses.body(200, content, headers, kind=TYPES[suffix])
