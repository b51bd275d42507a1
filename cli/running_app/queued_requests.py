"""`triscore enqueue` and `triscore results`: a result later, by its id."""

from __future__ import annotations

import json
import sys
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from cli import output
from cli.running_app.options import Key, Url, find_key
from cli.running_app.rows import ContentType, File, Rows
from cli.running_app.running_here import find_url

if TYPE_CHECKING:
    from triscore_client import Client

#: Seconds for which `enqueue --wait` waits for each result.
WAIT_S = 60.0


def enqueue(
    file: File,
    *,
    content_type: ContentType = "",
    count: Annotated[int, typer.Option("--count", min=1, help="How often to enqueue them.")] = 1,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait for the results, and print them.")
    ] = False,
    url: Url = None,
    key: Key = "",
    as_json: output.JsonLines = False,
) -> int:
    """Put rows on the queue; print the id of each result. Exit code 1 if one failed."""
    rows = Rows.find(file, content_type)
    with _client(url, key) as client:
        ids = _send(client, rows, count)
        if wait:
            return _wait(client, ids, as_json=as_json)
        for each in ids:
            output.show({"id": each}, each, as_json=as_json)
        return 0


def results(
    request_id: Annotated[str, typer.Argument(metavar="ID", help="As enqueue printed it.")],
    *,
    wait_s: Annotated[
        float, typer.Option("--wait", metavar="SECONDS", help="How long to wait for it.", min=0)
    ] = 0,
    cancel: Annotated[
        bool, typer.Option("--cancel", help="Drop it if it waits; end it if it is a blob's job.")
    ] = False,
    url: Url = None,
    key: Key = "",
    as_json: output.Json = False,
) -> int:
    """Print the result of an id. Exit code 1 if it failed, 2 if there is none yet."""
    with _client(url, key) as client:
        if cancel:
            client.cancel(request_id)
            output.show({"id": request_id, "status": "cancelled"}, "cancelled", as_json=as_json)
            return 0
        return _show(client, request_id, wait_s, as_json=as_json)


def _client(url: str | None, key: str) -> Client:
    from triscore_client import Client

    url = find_url(url)
    return Client(url, key=find_key(key, url))


def _send(client: Client, rows: Rows, count: int) -> Iterator[str]:
    """Enqueue the rows `count` times; the id of each as it is taken."""
    for _ in range(count):
        yield client.enqueue(
            rows.content, content_type=rows.content_type, content_encoding=rows.encoding
        )


def _wait(client: Client, ids: Iterator[str], *, as_json: bool) -> int:
    """Enqueue all, then print the result of each. Returns the exit code."""
    code, left = 0, deque[str]()
    try:
        for each in ids:
            left.append(each)
        while left:
            code = max(code, _show(client, left[0], WAIT_S, as_json=as_json))
            left.popleft()
    finally:
        if left:
            print(f"no result yet: {' '.join(left)}", file=sys.stderr)
    return code


def _show(client: Client, request_id: str, wait_s: float, *, as_json: bool) -> int:
    from triscore_client import ScoringFailed

    try:
        document = client.result(request_id, wait_s)
    except ScoringFailed as error:
        output.show_failure(error.document, f"{request_id}: {error}", as_json=as_json)
        return 1
    output.show(document, json.dumps(document["result"]), as_json=as_json)
    return 0
