"""Where an app in App Service asks for tokens of its identity, on this machine.

A plain HTTP server at IDENTITY_ENDPOINT, asked with the secret IDENTITY_HEADER: Microsoft's
libraries speak to it as they do in Azure. Its tokens are JWTs that live for seconds.
"""

from __future__ import annotations

import json
import math
import threading
import time
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import jwt
import pytest

from local.emulators.ports import HOST

SECRET = "only-this-app"
#: The signature is not checked: the servers here have no key of Entra's.
SIGNING_KEY = "a key that is known to this test alone"


@dataclass(frozen=True)
class Token:
    """A token that was issued."""

    audience: str
    #: The user-assigned identity that was asked for; empty for the app's own.
    client_id: str
    #: The identity's object id. Each token has another one, which shows who uses an old token.
    oid: str
    ends_at: float
    value: str = field(repr=False)


class IdentityEndpoint:
    """Issues tokens while `is_well`. Leaving its `with` block stops it."""

    def __init__(self, *, life_s: float, on_given: Callable[[Token], None] | None = None) -> None:
        self.life_s = life_s
        self.given: list[Token] = []
        #: Requests, answered or refused.
        self.asked = 0
        self.is_well = True
        #: Answers wait until it is set.
        self.may_answer = threading.Event()
        self.may_answer.set()
        self._on_given = on_given or (lambda _: None)
        self._server = ThreadingHTTPServer((HOST, 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.may_answer.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables that App Service sets."""
        url = f"http://{HOST}:{self._server.server_port}/msi/token"
        return {"IDENTITY_ENDPOINT": url, "IDENTITY_HEADER": SECRET}

    def be_found(self, patch: pytest.MonkeyPatch) -> None:
        """Set them in this process."""
        for name, value in self.environment.items():
            patch.setenv(name, value)

    def tokens_for(self, audience: str) -> list[Token]:
        return [token for token in self.given if token.audience.rstrip("/") == audience]

    def answer(self, path: str, secret: str | None) -> tuple[int, dict[str, Any]]:
        self.asked += 1
        self.may_answer.wait()
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(path).query))
        if secret != SECRET:
            return 401, {"statusCode": 401, "message": "the secret header is missing or wrong"}
        if not self.is_well:
            return 500, {"statusCode": 500, "message": "the identity is away for a while"}
        token = self._token(query["resource"], query.get("client_id", ""))
        self._on_given(token)
        self.given.append(token)
        return 200, {
            "access_token": token.value,
            "expires_on": str(int(token.ends_at)),
            "resource": token.audience,
            "token_type": "Bearer",
        }

    def _token(self, audience: str, client_id: str) -> Token:
        now = time.time()
        # Times in tokens are whole seconds.
        ends_at = math.ceil(now + self.life_s)
        oid = f"identity-{self.asked}"
        claims = {
            "iss": "https://sts.windows.net/a-tenant/",
            "aud": audience,
            "oid": oid,
            "iat": int(now),
            "nbf": int(now),
            "exp": ends_at,
        }
        value = jwt.encode(claims, SIGNING_KEY, algorithm="HS256")
        return Token(audience, client_id, oid, ends_at, value)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, document = endpoint.answer(self.path, self.headers["X-IDENTITY-HEADER"])
                body = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        return Handler
