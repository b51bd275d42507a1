"""`triscore package`, `doctor` and `requeue`: into Azure, and what to do when it runs there."""

from __future__ import annotations

import contextlib
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli import output
from cli.running_app.options import LOCAL
from cli.running_app.running_here import with_emulators

if TYPE_CHECKING:
    from deploy.app_settings import AppSettings
    from deploy.requeue import Outcome

AppFolder = Annotated[
    Path, typer.Argument(metavar="FOLDER", help="The folder of an app or of a package.")
]
Settings = Annotated[
    Path | None,
    typer.Option(
        "--settings",
        metavar="FILE",
        help="A file of settings; without it local.settings.json in the folder.",
    ),
]


def package(
    *,
    model: Annotated[
        str, typer.Option("--model", metavar="PATH", help="A model file, or the folder of one.")
    ],
    trigger: Annotated[
        str,
        typer.Option(
            "--trigger",
            help="http, blob, service-bus-queue or all; or several, with commas between.",
        ),
    ],
    target: Annotated[
        str,
        typer.Option(
            "--output", metavar="DIR|ZIP", help="Where the package goes: a folder or a .zip."
        ),
    ],
    entry_script: Annotated[
        str | None,
        typer.Option(
            "--entry-script", metavar="FILE", help="A script with init() and run(); optional."
        ),
    ] = None,
    requirements: Annotated[
        str | None,
        typer.Option(
            "--requirements", metavar="FILE", help="What the script needs, NAME==VERSION a line."
        ),
    ] = None,
    auth_level: Annotated[
        str | None,
        typer.Option("--auth-level", help="Of http: anonymous, function or admin."),
    ] = None,
    input_path: Annotated[
        str | None,
        typer.Option("--input-path", metavar="CONTAINER/{name}", help="Of blob: the input."),
    ] = None,
    output_path: Annotated[
        str | None, typer.Option("--output-path", metavar="CONTAINER", help="Of blob: the output.")
    ] = None,
    input_queue_name: Annotated[
        str | None,
        typer.Option(
            "--input-queue-name", metavar="QUEUE", help="Of service-bus-queue: the input."
        ),
    ] = None,
    output_queue_name: Annotated[
        str | None,
        typer.Option(
            "--output-queue-name",
            metavar="QUEUE",
            help="Of service-bus-queue and blob: the results.",
        ),
    ] = None,
    claim_container: Annotated[
        str | None,
        typer.Option(
            "--claim-container",
            metavar="CONTAINER",
            help="Of service-bus-queue: the blobs that messages name.",
        ),
    ] = None,
    input_topic_name: Annotated[
        str | None,
        typer.Option("--input-topic-name", metavar="TOPIC", help="Instead of the input queue."),
    ] = None,
    input_subscription_name: Annotated[
        str | None,
        typer.Option(
            "--input-subscription-name", metavar="NAME", help="The input topic's subscription."
        ),
    ] = None,
    output_topic_name: Annotated[
        str | None,
        typer.Option("--output-topic-name", metavar="TOPIC", help="Instead of the output queue."),
    ] = None,
    is_sessions_enabled: Annotated[
        bool | None,
        typer.Option(
            "--is-sessions-enabled/--no-sessions",
            help="The input queue or subscription requires sessions.",
        ),
    ] = None,
    generate_dockerfile: Annotated[
        bool, typer.Option("--generate-dockerfile", help="Write a Dockerfile into the package.")
    ] = False,
    tracing: Annotated[
        str | None,
        typer.Option(
            "--tracing",
            metavar="otlp|azure-monitor",
            help="Add the packages that export OpenTelemetry traces so.",
        ),
    ] = None,
    as_json: output.Json = False,
) -> int:
    """Write what Azure Functions runs as it is. It is started once before it is written."""
    from deploy import packaging

    made = packaging.package(
        model,
        trigger=trigger,
        output=target,
        entry_script=entry_script,
        requirements=requirements,
        generate_dockerfile=generate_dockerfile,
        tracing=tracing,
        auth_level=auth_level,
        input_path=input_path,
        output_path=output_path,
        input_queue_name=input_queue_name,
        output_queue_name=output_queue_name,
        claim_container=claim_container,
        input_topic_name=input_topic_name,
        input_subscription_name=input_subscription_name,
        output_topic_name=output_topic_name,
        is_sessions_enabled=is_sessions_enabled,
    )
    document = {
        "path": str(made.path),
        "model": made.model,
        "trigger": trigger,
        "bytes": made.size,
        "functions": list(made.functions),
        "notes": list(made.notes),
    }
    text = (
        f"{made.path}: {made.model} behind {trigger}, {made.size / packaging.MB:.1f} MB,"
        f" {len(made.functions)} functions started"
    )
    lines = [text, *(f"note: {note}" for note in made.notes)]
    output.show(document, "\n".join(lines), as_json=as_json)
    return 0


def doctor(
    folder: AppFolder = Path(),
    *,
    settings: Settings = None,
    as_json: output.JsonLines = False,
) -> int:
    """Check settings, versions, model, Redis, storage, Service Bus; exit code 2 if any is wrong."""
    import asyncio

    return asyncio.run(_examine(open_app(folder, settings), as_json=as_json))


async def _examine(app: AppSettings, *, as_json: bool) -> int:
    """Print each finding as it comes."""
    from deploy.doctor import examine

    in_order = found = 0
    heading = ""
    async for group, finding in examine(app):
        found += 1
        in_order += finding.fix is None
        document = {"group": group, "message": finding.message, "fix": finding.fix}
        text = f"  {finding}" if group == heading else f"{group}\n  {finding}"
        output.show(document, text, as_json=as_json)
        heading = group
    if not as_json:
        print(f"{in_order} ok, {found - in_order} to fix")
    return 0 if in_order == found else 2


def _rate(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 < (number := float(text.removesuffix("/s"))) < math.inf:
            return number
    raise ValueError(f"expected a number above 0, got {text!r}")


def requeue(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="CONTAINER/BLOB, or the id of a message.", metavar="NAME"),
    ] = None,
    *,
    reason: Annotated[
        str, typer.Option("--reason", help="Choose all of one reason.", show_default=False)
    ] = "",
    all_: Annotated[
        bool, typer.Option("--all", help="Choose all. With nothing chosen they are listed.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would be sent, and send nothing.")
    ] = False,
    rate: Annotated[
        float | None,
        typer.Option(
            "--rate",
            parser=_rate,
            metavar="N/s",
            help="How many a second are sent; without it as many as go.",
        ),
    ] = None,
    folder: Annotated[
        Path, typer.Option("--folder", help="The folder of an app or of a package.")
    ] = Path(),
    settings: Settings = None,
    as_json: output.JsonLines = False,
) -> int:
    """List blobs and messages whose tries ran out, or send them again."""
    import asyncio
    from dataclasses import replace

    from deploy.requeue import Choice
    from deploy.requeue import requeue as send_again

    choice = Choice(all=all_, reason=reason, names=names or ())
    app = open_app(folder, settings)
    app = replace(app, env=with_emulators(app.env, LOCAL))

    def report(outcome: Outcome) -> None:
        output.show(outcome.as_json(), outcome, as_json=as_json)

    summary = asyncio.run(send_again(app, choice, dry_run=dry_run, rate=rate or 0.0, report=report))
    if not as_json:
        print(summary)
    return 2 if summary.failed else 0


def open_app(folder: Path, file: Path | None) -> AppSettings:
    """The settings that an app runs with. Raises Refused."""
    import logging

    from deploy import app_settings

    # The commands report failures in sentences. The SDKs' logs would repeat them.
    logging.disable()
    return app_settings.open_app(folder, env=os.environ, file=file)
