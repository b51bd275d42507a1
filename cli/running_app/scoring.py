"""`triscore score`: score a file with an app that runs, here or in Azure."""

from __future__ import annotations

import json
import os
import sys
import uuid
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from cli import output
from cli.deployment import Settings, open_app
from cli.errors import UsageError
from cli.running_app.options import SETTINGS, Key, Url, find_key
from cli.running_app.rows import ContentType, File, Rows
from cli.running_app.running_here import find_url, with_emulators

if TYPE_CHECKING:
    from cli.running_app.submission import Connections, Outcome, Submission

Via = Literal["http", "blob", "queue"]
#: Seconds for a request with its retries, and for one with a whole file.
REQUEST_S = 300.0


def score(
    file: File,
    *,
    content_type: ContentType = "",
    via: Annotated[
        Via | None,
        typer.Option(
            "--via",
            help="The trigger; without it blob, which takes any size, and http for -.",
            show_default=False,
        ),
    ] = None,
    target: Annotated[
        Path | None,
        typer.Option(
            "--output",
            metavar="FILE",
            help="Where the result goes; without it NAME.scored.EXT beside FILE, printed for -.",
        ),
    ] = None,
    url: Url = None,
    key: Key = "",
    folder: Annotated[
        Path,
        typer.Option("--folder", help="Of the app or package whose settings name the connections."),
    ] = Path(),
    settings: Settings = None,
    as_json: output.Json = False,
) -> int:
    """Score a file: send it, wait, fetch the result. Exit code 1 if it can't be scored."""
    rows = Rows.find(file, content_type)
    via = via or ("blob" if rows.file else "http")
    url = find_url(url)
    key = find_key(key, url, settings or folder / SETTINGS)
    app = None if via == "http" else _connections(via, url, folder, settings)
    send = partial(_send, rows, via, app, url, key, hidden=as_json, is_named=bool(target))
    name = rows.scored_name(_output_ending(rows, via))
    written = target or (rows.file.with_name(name) if rows.file else None)
    if written is None:
        return _print(send, name, as_json=as_json)
    return _write(send, written, as_json=as_json)


def _connections(via: Via, url: str, folder: Path, settings: Path | None) -> Connections:
    """Raises UsageError, ClientError, deploy.errors.Refused."""
    from cli.running_app.submission import Connections
    from deploy import connections
    from triggers.settings import SERVICE_BUS, STORAGE
    from triscore_client.clients import http_options

    http_options(url, "")  # a wrong address is named as such
    app = open_app(folder, settings)
    if app.triggers is None:
        raise UsageError("; ".join(str(error) for error in app.errors))
    env = with_emulators(app.env, url)
    name = STORAGE if via == "blob" else SERVICE_BUS
    if connections.uses_emulators(env, name):
        raise UsageError(
            f"{url} is not on this machine: set {name} to what that app uses, or take --via http"
        )
    return Connections(env, app.triggers)


def _output_ending(rows: Rows, via: Via) -> str:
    if via == "blob":
        return rows.ending
    from cli.running_app.by_http import answers_in_its_format

    return rows.format_ending if via == "http" and answers_in_its_format(rows) else ".json"


def _send(
    rows: Rows,
    via: Via,
    app: Connections | None,
    url: str,
    key: str,
    target: Path,
    *,
    hidden: bool,
    is_named: bool,
) -> Outcome:
    from cli.running_app.progress_bar import ProgressBar
    from cli.running_app.submission import Submission
    from triscore_client import Client

    with Client(url, key=key, timeout_s=REQUEST_S) as client, ProgressBar(hidden=hidden) as bar:
        name = uuid.uuid4().hex
        return _submit(Submission(rows, name, target, is_named, client, bar.show), via, app)


def _submit(submission: Submission, via: Via, app: Connections | None) -> Outcome:
    if app is None:
        from cli.running_app import by_http

        return by_http.score(submission)
    from cli.running_app import by_blob, by_queue

    if via == "blob":
        return by_blob.score(submission, app)
    return by_queue.score(submission, app)


def _write(send: Callable[[Path], Outcome], target: Path, *, as_json: bool) -> int:
    """Write the result to a file. Raises UsageError."""
    _require_place(target)
    return _report(send(target), as_json=as_json)


def _require_place(target: Path) -> None:
    """Raises UsageError: nothing is sent whose result could not be written."""
    if target.is_dir():
        raise UsageError(f"{target} is a folder: --output names a file")
    if not target.parent.is_dir():
        raise UsageError(f"{target.parent} is not a folder: --output names a file in one")
    if not os.access(target.parent, os.W_OK):
        raise UsageError(f"this user may not write to {target.parent}: name a file by --output")


def _print(send: Callable[[Path], Outcome], name: str, *, as_json: bool) -> int:
    """Print the result itself. `name`: of a file with it. Raises UsageError."""
    _require_text(name, as_json=as_json)
    with TemporaryDirectory() as place:
        outcome = send(Path(place, name))
        if outcome.output is None:
            return _report(outcome, as_json=as_json)
        content, name = outcome.output.read_bytes(), outcome.output.name
    _require_text(name, as_json=as_json)
    is_json = name.endswith(".json")
    if as_json:
        result = json.loads(content) if is_json else content.decode()
        return _report(replace(outcome, output=None), as_json=True, result=result)
    sys.stdout.buffer.write(content + b"\n" if is_json else content)
    sys.stdout.buffer.flush()
    return 0


def _require_text(name: str, *, as_json: bool) -> None:
    """Raises UsageError for what neither a terminal nor JSON can show."""
    from inference.rows import media_types

    is_text = media_types.BY_ENDING.get(Path(name).suffix) in media_types.TEXTS
    if not is_text and (as_json or sys.stdout.isatty()):
        raise UsageError("the result is not a text: name a file for it by --output")


def _report(outcome: Outcome, *, as_json: bool, result: object = None) -> int:
    document: dict[str, Any] = {
        "id": outcome.id,
        "status": "succeeded" if outcome.succeeded else "failed",
        "output": str(outcome.output) if outcome.output else None,
        "message": outcome.message,
        "document": outcome.document,
    }
    if result is not None:
        document["result"] = result
    if not outcome.succeeded:
        output.show_failure(document, outcome.message, as_json=as_json)
        return 1
    text = f"{outcome.output}: {outcome.message}".removesuffix(": ")
    output.show(document, text, as_json=as_json)
    return 0
