"""`python -m deploy COMMAND DIR`: describe a model in its folder, or make it faster."""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path

from deploy import accelerate, manifest
from inference import manifests
from inference.errors import ScoringError


def main() -> int:
    given = _parser().parse_args()
    if not given.folder.is_dir():
        print(f"{given.folder} is not a folder: name the one that holds the model", file=sys.stderr)
        return 2
    try:
        print(given.command(given))
    except (ScoringError, OSError) as error:
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
    return parser


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
        given.folder,
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
    graph = accelerate.accelerate(given.folder, relative=given.relative, absolute=given.absolute)
    return (
        f"{given.folder / graph.file}: SHA-256 {graph.sha256[:12]}…, {graph.numbers}, answers"
        f" {graph.rows} rows as the model does (numbers differ by at most"
        f" {graph.largest_difference:.1e}); from the next start on it is what answers"
    )


if __name__ == "__main__":
    sys.exit(main())
