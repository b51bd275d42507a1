"""`triscore enqueue` and `triscore results`: a result later, by its id."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from cli import output
from cli.running_app.options import LOCAL, Key, Url, find_key
from cli.running_app.rows import ContentType, File, Rows

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
    url: Url = LOCAL,
    key: Key = "",
    as_json: output.JsonLines = False,
) -> int:
    """Put rows on the queue; print the id of each result. Exit code 1 if one failed."""
    rows = Rows.find(file, content_type)
    with _client(url, key) as client:
        ids = []
        for _ in range(count):
            ids.append(
                client.enqueue(
                    rows.content, content_type=rows.content_type, content_encoding=rows.encoding
                )
            )
            if not wait:
                output.show({"id": ids[-1]}, ids[-1], as_json=as_json)
        return _wait(client, ids, as_json=as_json) if wait else 0


def results(
    request_id: Annotated[str, typer.Argument(metavar="ID", help="As enqueue printed it.")],
    *,
    wait_s: Annotated[
        float, typer.Option("--wait", metavar="SECONDS", help="How long to wait for it.", min=0)
    ] = 0,
    cancel: Annotated[
        bool, typer.Option("--cancel", help="Drop it if it waits; end it if it is a blob's job.")
    ] = False,
    url: Url = LOCAL,
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


def _client(url: str, key: str) -> Client:
    from triscore_client import Client

    return Client(url, key=find_key(key, url))


def _wait(client: Client, ids: list[str], *, as_json: bool) -> int:
    """Print the result of each id. Returns the exit code."""
    code = done = 0
    try:
        for each in ids:
            code = max(code, _show(client, each, WAIT_S, as_json=as_json))
            done += 1
    finally:
        if done < len(ids):
            print(f"no result yet: {' '.join(ids[done:])}", file=sys.stderr)
    return code


def _show(client: Client, request_id: str, wait_s: float, *, as_json: bool) -> int:
    from triscore_client import ScoringFailed

    try:
        document = client.result(request_id, wait_s)
    except ScoringFailed as error:
        output.show(error.document, f"{request_id}: {error}", as_json=as_json)
        return 1
    output.show(document, json.dumps(document["result"]), as_json=as_json)
    return 0
