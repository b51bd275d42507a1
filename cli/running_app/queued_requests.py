"""`triscore enqueue` and `triscore results`: an answer later, and what came of it."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from cli import output
from cli.running_app.options import LOCAL, Key, Url, read_rows


def enqueue(
    file: Annotated[
        str, typer.Argument(metavar="FILE|-", help="The rows, or - for JSON typed in.")
    ],
    *,
    count: Annotated[int, typer.Option("--count", min=1, help="How often to enqueue them.")] = 1,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait for the results, and print them.")
    ] = False,
    url: Url = LOCAL,
    key: Key = "",
    as_json: output.JsonLines = False,
) -> int:
    """Put rows on the queue; print the id of each result. Exit code 1 if one failed."""
    from triscore_client import Client

    rows = read_rows(file)
    with Client(url, key=key) as client:
        ids = []
        for _ in range(count):
            ids.append(client.enqueue(rows.content, content_type=rows.content_type))
            if not wait:
                output.show({"id": ids[-1]}, ids[-1], as_json=as_json)
        return max([_show(client, each, 60, as_json=as_json) for each in ids]) if wait else 0


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
    from triscore_client import Client

    with Client(url, key=key) as client:
        if cancel:
            client.cancel(request_id)
            output.show({"id": request_id, "status": "cancelled"}, "cancelled", as_json=as_json)
            return 0
        return _show(client, request_id, wait_s, as_json=as_json)


def _show(client: object, request_id: str, wait_s: float, *, as_json: bool) -> int:
    from triscore_client import Client, ScoringFailed

    assert isinstance(client, Client)  # noqa: S101 - imported only now
    try:
        document = client.result(request_id, wait_s)
    except ScoringFailed as error:
        output.show(error.document, f"{request_id}: {error}", as_json=as_json)
        return 1
    output.show(document, json.dumps(document["result"]), as_json=as_json)
    return 0
