"""`python -m deploy manifest DIR`: describe a model in the folder's model.json."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from deploy import manifest
from inference import manifests
from inference.errors import ScoringError


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m deploy", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="command")
    command = commands.add_parser("manifest", help="write model.json beside a model you trust")
    command.add_argument("folder", type=Path, help="a folder with one model file")
    command.add_argument("--method", choices=manifests.METHODS, default="predict")
    command.add_argument(
        "--rows",
        type=Path,
        metavar="FILE",
        help="golden rows: .csv, .json, .npy, .parquet; else drawn",
    )
    given = parser.parse_args()
    if not given.folder.is_dir():
        print(f"{given.folder} is not a folder: name the one that holds the model", file=sys.stderr)
        return 2
    try:
        described = manifest.describe(given.folder, method=given.method, rows_file=given.rows)
    except (ScoringError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    print(
        f"{manifests.write(given.folder, described)}: {described.file},"
        f" SHA-256 {described.sha256[:12]}…, {described.framework} {described.version},"
        f" {described.method}, {len(described.golden.rows)} golden rows"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
