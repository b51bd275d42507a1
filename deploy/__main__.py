"""`python -m deploy COMMAND`: describe a model, speed it up, package it for Azure, find faults."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import math
import os
import sys
from functools import partial
from pathlib import Path

from deploy import accelerate, app_settings, doctor, manifest, options, packaging
from deploy.app_settings import AppSettings
from deploy.errors import Refused
from inference.errors import ScoringError
from inference.models import manifests


def main() -> int:
    given = _parser().parse_args()
    try:
        ended: int = given.command(given)
    except (Refused, ScoringError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    return ended


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deploy", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="command")
    describe = commands.add_parser("manifest", help="write model.json beside a model you trust")
    describe.set_defaults(command=_describe)
    describe.add_argument("folder", type=Path, help="a folder with one model file")
    describe.add_argument("--method", choices=manifests.METHODS, default="predict")
    describe.add_argument(
        "--rows",
        type=Path,
        metavar="FILE",
        help="golden rows: .csv, .json, .npy, .parquet; else drawn",
    )
    describe.add_argument(
        "--trust", action="append", default=[], metavar="TYPE", help="a type that a .skops may use"
    )
    _add_tolerances(describe, manifests.RELATIVE, manifests.ABSOLUTE)

    faster = commands.add_parser(
        "accelerate", help="serve it as an ONNX graph that is proven to answer alike"
    )
    faster.set_defaults(command=_accelerate)
    faster.add_argument("folder", type=Path, help="a folder with a model and its model.json")
    _add_tolerances(faster, None, None)
    _add_package(commands.add_parser("package", help="write what Azure Functions runs as it is"))
    _add_doctor(commands.add_parser("doctor", help="say what is fine, and what to do"))
    _add_requeue(commands.add_parser("requeue", help="list what was given up, or send it again"))
    return parser


def _add_package(pack: argparse.ArgumentParser) -> None:
    pack.set_defaults(command=_package)
    pack.add_argument("--model", required=True, help="a model file, or the folder of one")
    pack.add_argument("--entry-script", metavar="FILE", help="a script with init() and run()")
    pack.add_argument("--requirements", metavar="FILE", help="what it needs, NAME==VERSION a line")
    pack.add_argument("--trigger", required=True, help=", ".join(options.TRIGGERS))
    pack.add_argument("--auth-level", help="of http: anonymous, function (default), admin")
    pack.add_argument("--input-path", help="of blob: CONTAINER/{name}")
    pack.add_argument("--output-path", help="of blob: CONTAINER")
    pack.add_argument("--input-queue-name", help="of service-bus-queue")
    pack.add_argument("--output-queue-name", help="of service-bus-queue and blob")
    pack.add_argument("--output", required=True, metavar="DIR|ZIP", help="where the package goes")
    pack.add_argument("--generate-dockerfile", action="store_true", help="and a Dockerfile in it")


def _add_doctor(examine: argparse.ArgumentParser) -> None:
    examine.set_defaults(command=_examine)
    examine.add_argument(
        "folder", type=Path, nargs="?", default=Path(), help="an app, or a package as a folder"
    )
    examine.add_argument(
        "--settings", type=Path, metavar="FILE", help="else local.settings.json in it"
    )
    examine.add_argument("--json", action="store_true", help="one object a line, for machines")


def _add_requeue(again: argparse.ArgumentParser) -> None:
    again.set_defaults(command=_requeue)
    again.add_argument("names", nargs="*", metavar="NAME", help="CONTAINER/BLOB, or a message's id")
    again.add_argument("--reason", default="", help="all of this reason")
    again.add_argument(
        "--all", action="store_true", help="all; with nothing chosen they are listed"
    )
    again.add_argument("--dry-run", action="store_true", help="say what would be sent")
    again.add_argument("--rate", type=_rate, default=0.0, metavar="N/s", help="so many a second")
    again.add_argument(
        "--folder", type=Path, default=Path(), help="an app, or a package as a folder"
    )
    again.add_argument(
        "--settings", type=Path, metavar="FILE", help="else local.settings.json in it"
    )


def _rate(text: str) -> float:
    number = float(text.removesuffix("/s"))
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text}")
    return number


def _add_tolerances(
    command: argparse.ArgumentParser, relative: float | None, absolute: float | None
) -> None:
    """By how much a number may differ: absolute + relative * its size."""
    command.add_argument("--relative", type=_tolerance, default=relative, metavar="NUMBER")
    command.add_argument("--absolute", type=_tolerance, default=absolute, metavar="NUMBER")


def _tolerance(text: str) -> float:
    number = float(text)
    if not 0 <= number < math.inf:
        raise argparse.ArgumentTypeError(f"expected a number from 0, got {text}")
    return number


def _describe(given: argparse.Namespace) -> int:
    described = manifest.describe(
        _folder(given),
        method=given.method,
        rows_file=given.rows,
        trusted=given.trust,
        relative=given.relative,
        absolute=given.absolute,
    )
    print(
        f"{manifests.write(given.folder, described)}: {described.file},"
        f" SHA-256 {described.sha256[:12]}…, {described.framework} {described.version},"
        f" {described.method}, {len(described.golden.rows)} golden rows"
    )
    return 0


def _accelerate(given: argparse.Namespace) -> int:
    graph = accelerate.accelerate(_folder(given), relative=given.relative, absolute=given.absolute)
    print(
        f"{given.folder / graph.file}: SHA-256 {graph.sha256[:12]}…, {graph.numbers}, answers"
        f" {graph.rows} rows as the model does (numbers differ by at most"
        f" {graph.largest_difference:.1e}); from the next start on it is what answers"
    )
    return 0


def _package(given: argparse.Namespace) -> int:
    made = packaging.package(
        given.model,
        trigger=given.trigger,
        output=given.output,
        entry_script=given.entry_script,
        requirements=given.requirements,
        generate_dockerfile=given.generate_dockerfile,
        **{name: getattr(given, name) for name in options.NAMES},
    )
    print(
        f"{made.path}: {made.model} behind {given.trigger}, {made.size / packaging.MB:.1f} MB,"
        f" {len(made.functions)} functions started"
    )
    for note in made.notes:
        print(f"note: {note}")
    return 0


def _requeue(given: argparse.Namespace) -> int:
    from deploy.requeue import Choice, requeue  # noqa: PLC0415 - the SDKs are slow

    choice = Choice(all=given.all, reason=given.reason, names=given.names)
    show = partial(print, flush=True)
    summary = asyncio.run(
        requeue(_app(given), choice, dry_run=given.dry_run, rate=given.rate, report=show)
    )
    print(summary)
    return 2 if summary.failed else 0


def _app(given: argparse.Namespace) -> AppSettings:
    # The commands report failures in sentences; the SDKs' logs would repeat them.
    logging.disable()
    return app_settings.open_app(given.folder, env=os.environ, file=given.settings)


def _examine(given: argparse.Namespace) -> int:
    return asyncio.run(_print_findings(_app(given), as_json=given.json))


async def _print_findings(app: AppSettings, *, as_json: bool) -> int:
    """Print each finding when it is made; 2 where there is something to fix."""
    in_order = found = 0
    last = ""
    async for group, finding in doctor.examine(app):
        found += 1
        in_order += finding.fix is None
        if as_json:
            print(json.dumps({"group": group, "message": finding.message, "fix": finding.fix}))
            continue
        if group != last:
            print(group)
        print(f"  {finding}", flush=True)
        last = group
    if not as_json:
        print(f"{in_order} ok, {found - in_order} to fix")
    return 0 if in_order == found else 2


def _folder(given: argparse.Namespace) -> Path:
    folder: Path = given.folder
    if not folder.is_dir():
        raise Refused(f"{folder} is not a folder: name the one that holds the model")
    return folder


if __name__ == "__main__":
    sys.exit(main())
