"""The page on which a person tries the model. It calls the app's own routes alone."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

import azure.functions as func

from triggers import responses

PAGE = Path(__file__).with_name("console.html")


def response() -> func.HttpResponse:
    """The page. Its policy lets a browser run the page's own scripts alone."""
    page = PAGE.read_bytes()
    policy = {
        "default-src": "'none'",
        "script-src": _hashes("script", page),
        "style-src": _hashes("style", page),
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    headers = {
        "content-security-policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cache-control": "no-cache",
    }
    return responses.body(200, page, headers, kind="text/html")


def _hashes(element: str, page: bytes) -> str:
    """The hashes by which the policy allows the page's own elements."""
    contents = re.findall(rf"<{element}>(.*?)</{element}>".encode(), page, re.DOTALL)
    digests = (base64.b64encode(hashlib.sha256(content).digest()) for content in contents)
    return " ".join(f"'sha256-{digest.decode()}'" for digest in digests)
