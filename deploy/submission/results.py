"""The app's HTTP routes as a client of results sees them."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any, BinaryIO, NamedTuple
from urllib.parse import quote, urlsplit

from deploy.errors import Refused

#: Seconds without any bytes.
TIMEOUT_S = 300.0


class Response(NamedTuple):
    status: int
    content_type: str
    body: bytes

    def document(self) -> dict[str, Any]:
        """The body as a JSON object; an empty one if it is none."""
        try:
            found = json.loads(self.body)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}


class ResultsClient:
    """Blocking. `url`: the app's address, without `/api`. `key`: a function key, or empty."""

    def __init__(self, url: str, key: str) -> None:
        if urlsplit(url).scheme not in ("http", "https"):
            raise Refused(f"--url {url!r}: expected the address of the app, http://… or https://…")
        self._url, self._key = url.rstrip("/"), key

    def score(
        self,
        body: BinaryIO,
        size: int,
        content_type: str,
        accept: str,
        request_id: str,
        *,
        encoding: str = "",
    ) -> Response:
        """POST a body to the score route. Raises Refused if the app can't be reached."""
        headers = {
            "Content-Type": content_type,
            "Content-Length": str(size),
            "Accept": accept,
            "x-request-id": request_id,
            **({"Content-Encoding": encoding} if encoding else {}),
        }
        return self._ask("POST", "/api/score", headers, body)

    def result(self, request_id: str) -> Response:
        """What is known under an id: 200 its document, 202 its progress, 404. Raises Refused."""
        return self._ask("GET", f"/api/results/{quote(request_id, safe='')}", {}, None)

    def _ask(
        self, method: str, path: str, headers: Mapping[str, str], body: BinaryIO | None
    ) -> Response:
        key = {"x-functions-key": self._key} if self._key else {}
        request = urllib.request.Request(  # noqa: S310 - checked above
            self._url + path, data=body, headers={**headers, **key}, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
                return Response(answer.status, answer.headers["content-type"], answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Response(error.code, error.headers["content-type"], error.read())
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", error)
            raise Refused(
                f"the app does not answer at {self._url} ({reason}): start it, or name it by --url"
            ) from error
