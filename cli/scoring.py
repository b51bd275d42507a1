"""`triscore score`: score a file with an app that runs, here or in Azure."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from cli import output
from cli.deployment import Settings, open_app
from cli.errors import UsageError

if TYPE_CHECKING:
    from deploy.app_settings import AppSettings
    from deploy.submission import Outcome

Via = Literal["http", "blob", "queue"]
#: As the local host reads it.
KEY = "HOST_FUNCTION_KEY"


def score(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE|-", help="The rows: .csv, .jsonl, .json, .npy, …; or - for JSON typed in."
        ),
    ],
    *,
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
            help="Where the result goes; without it NAME.scored.EXT, printed for -.",
        ),
    ] = None,
    url: Annotated[
        str, typer.Option("--url", envvar="TRISCORE_URL", help="The address of the app.")
    ] = "http://127.0.0.1:7071",
    key: Annotated[
        str,
        typer.Option(
            "--key",
            envvar="TRISCORE_KEY",
            help=f"A function key; without it {KEY} of the settings.",
            show_default=False,
        ),
    ] = "",
    folder: Annotated[
        Path, typer.Option("--folder", help="The folder of an app or of a package.")
    ] = Path(),
    settings: Settings = None,
    as_json: output.Json = False,
) -> int:
    """Score a file: send it, wait, fetch the result. Exit code 1 if it can't be scored."""
    app = open_app(folder, settings)
    if str(file) != "-":
        outcome, written = _send(app, file, via or "blob", target, url, key, hidden=as_json)
        return _report(outcome, written, as_json=as_json)
    with TemporaryDirectory() as place:
        rows = Path(place, "rows.json")
        rows.write_bytes(sys.stdin.buffer.read())
        outcome, written = _send(app, rows, via or "http", target, url, key, hidden=as_json)
        if target is None and outcome.succeeded and not as_json:
            print(written.read_text().rstrip("\n"), flush=True)
            return 0
        result = json.loads(written.read_bytes()) if target is None and outcome.succeeded else None
        return _report(outcome, target, as_json=as_json, result=result)


def _send(
    app: AppSettings, file: Path, via: Via, target: Path | None, url: str, key: str, *, hidden: bool
) -> tuple[Outcome, Path]:
    """Returns how it ended, and the file of the result."""
    if app.triggers is None:
        raise UsageError("; ".join(str(error) for error in app.errors))
    from deploy import connections, submission
    from triggers.settings import SERVICE_BUS, STORAGE

    env = connections.with_emulators(app.env, storage=STORAGE, service_bus=SERVICE_BUS)
    source = submission.Input.of(file)
    ending = source.format_ending if via == "http" and source.can_be_answer else ".json"
    if via == "blob":
        ending = source.ending
    target = target or file.with_name(f"{source.stem}.scored{ending}")
    if not target.parent.is_dir():
        raise UsageError(f"{target.parent} is not a folder: --output names a file in one")
    client = submission.ResultsClient(url, key or env.get(KEY, ""))
    ways = {"http": submission.by_http, "blob": submission.by_blob, "queue": submission.by_queue}
    with _ProgressBar(hidden=hidden) as bar:
        outcome = ways[via](
            submission.Submission(source, target, env, app.triggers, client, bar.show)
        )
    return outcome, target


def _report(outcome: Outcome, target: Path | None, *, as_json: bool, result: object = None) -> int:
    document: dict[str, Any] = {
        "id": outcome.id,
        "status": "succeeded" if outcome.succeeded else "failed",
        "output": str(target) if target and outcome.succeeded else None,
        "message": outcome.message,
        "document": outcome.document,
    }
    if result is not None:
        document["result"] = result
    text = f"{target}: {outcome.message}" if outcome.succeeded else outcome.message
    output.show(document, text.removesuffix(": "), as_json=as_json)
    return 0 if outcome.succeeded else 1


class _ProgressBar:
    """On standard error, and only in a terminal: standard output is for the result."""

    def __init__(self, *, hidden: bool) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

        console = Console(stderr=True)
        columns = (
            TextColumn("{task.description:<11}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("[dim]{task.fields[details]}"),
        )
        self._bar = Progress(
            *columns, console=console, disable=hidden or not os.isatty(2), transient=True
        )
        self._task = self._bar.add_task("", total=None, details="")
        self._step = ""

    def __enter__(self) -> _ProgressBar:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def show(self, step: str, share: float | None, details: str = "") -> None:
        """`share`: how much of the step is done; None while that is unknown."""
        if step != self._step:
            self._step = step
            self._bar.reset(self._task, description=step, total=None)
        self._bar.update(self._task, details=details)
        if share is not None:
            self._bar.update(self._task, total=1.0, completed=share)
