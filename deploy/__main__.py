"""`python -m deploy COMMAND`: describe a model, make it faster, package it for Azure."""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path

from deploy import accelerate, manifest, options, packaging
from deploy.errors import Refused
from inference import manifests
from inference.errors import ScoringError


def main() -> int:
    given = _parser().parse_args()
    try:
        print(given.command(given))
    except (Refused, ScoringError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


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


def _describe(given: argparse.Namespace) -> str:
    described = manifest.describe(
        _folder(given),
        method=given.method,
        rows_file=given.rows,
        trusted=given.trust,
        relative=given.relative,
        absolute=given.absolute,
    )
    return (
        f"{manifests.write(given.folder, described)}: {described.file},"
        f" SHA-256 {described.sha256[:12]}…, {described.framework} {described.version},"
        f" {described.method}, {len(described.golden.rows)} golden rows"
    )


def _accelerate(given: argparse.Namespace) -> str:
    graph = accelerate.accelerate(_folder(given), relative=given.relative, absolute=given.absolute)
    return (
        f"{given.folder / graph.file}: SHA-256 {graph.sha256[:12]}…, {graph.numbers}, answers"
        f" {graph.rows} rows as the model does (numbers differ by at most"
        f" {graph.largest_difference:.1e}); from the next start on it is what answers"
    )


def _package(given: argparse.Namespace) -> str:
    made = packaging.package(
        given.model,
        trigger=given.trigger,
        output=given.output,
        entry_script=given.entry_script,
        requirements=given.requirements,
        generate_dockerfile=given.generate_dockerfile,
        **{name: getattr(given, name) for name in options.NAMES},
    )
    told = (
        f"{made.path}: {made.model} behind {given.trigger}, {made.size / packaging.MB:.1f} MB,"
        f" {len(made.functions)} functions started"
    )
    return "\n".join((told, *(f"note: {note}" for note in made.notes)))


def _folder(given: argparse.Namespace) -> Path:
    folder: Path = given.folder
    if not folder.is_dir():
        raise Refused(f"{folder} is not a folder: name the one that holds the model")
    return folder


if __name__ == "__main__":
    sys.exit(main())
