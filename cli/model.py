"""`triscore describe` and `accelerate`: what is done to a model before it is served."""

from __future__ import annotations

import contextlib
import math
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from cli import output
from cli.errors import UsageError

if TYPE_CHECKING:
    from deploy.columns.frames import Stated
    from inference.models.manifests import Manifest
    from inference.rows.schema import ColumnType

#: As inference.models.manifests.METHODS, which is slow to import; a test compares them.
Method = Literal["predict", "predict_proba", "decision_function", "transform"]
#: As inference.rows.schema.Unseen.
Unseen = Literal["error", "missing"]


def _tolerance(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 <= (number := float(text)) < math.inf:
            return number
    raise ValueError(f"expected a number from 0, got {text!r}")


def _tolerance_option(name: str, meaning: str) -> typer.models.OptionInfo:
    option: typer.models.OptionInfo = typer.Option(
        f"--{name}", parser=_tolerance, metavar="NUMBER", help=meaning
    )
    return option


#: A number agrees with the golden answer if it differs by at most absolute + relative * its size.
Relative = Annotated[
    float | None,
    _tolerance_option("relative", "How much an answer may differ, as a share of its size."),
]
Absolute = Annotated[
    float | None, _tolerance_option("absolute", "How much an answer may differ on top of that.")
]


def describe(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="The folder of one model file that you trust.")
    ],
    *,
    method: Annotated[
        Method, typer.Option("--method", help="The method that answers.")
    ] = "predict",
    rows: Annotated[
        Path | None,
        typer.Option(
            "--rows",
            metavar="FILE",
            help="Rows of the training data: .parquet, .csv, .json, .jsonl or .npy, also with .gz"
            " or .zst; needed for columns with names.",
        ),
    ] = None,
    types: Annotated[
        list[str] | None,
        typer.Option(
            "--type",
            metavar="COLUMN=TYPE",
            help="A column's type: integer, number, boolean, text, category or date; may be"
            " repeated.",
        ),
    ] = None,
    na: Annotated[
        list[str] | None,
        typer.Option(
            "--na",
            metavar="WORD",
            help="A word that means a missing cell in CSV, instead of pandas' own list; may be"
            " repeated.",
        ),
    ] = None,
    unseen: Annotated[
        Unseen,
        typer.Option("--unseen", help="What becomes of a category that training did not have."),
    ] = "error",
    trust: Annotated[
        list[str] | None,
        typer.Option(
            "--trust", metavar="TYPE", help="A type that a .skops file may use; may be repeated."
        ),
    ] = None,
    relative: Relative = None,
    absolute: Absolute = None,
    as_json: output.Json = False,
) -> int:
    """Write triscore.json beside a model: its digest, what it takes, golden rows with answers."""
    from deploy import manifest
    from inference.models import manifest_file, manifests

    with _prints_to_stderr():
        described = manifest.describe(
            _existing(folder),
            method=method,
            rows_file=rows,
            stated=_stated(types or (), na, unseen),
            trusted=trust or (),
            relative=manifests.RELATIVE if relative is None else relative,
            absolute=manifests.ABSOLUTE if absolute is None else absolute,
        )
    file = manifest_file.write(folder, described)
    document = {
        "manifest": str(file),
        "file": described.file,
        "sha256": described.sha256,
        "framework": described.framework,
        "version": described.version,
        "method": described.method,
        "golden_rows": len(described.golden.rows),
    }
    text = (
        f"{file}: {described.file}, SHA-256 {described.sha256[:12]}…, {described.framework}"
        f" {described.version}, {described.method}, {len(described.golden.rows)} golden rows"
    )
    output.show(document, text, as_json=as_json)
    _warn_of_another_version(described)
    return 0


def _stated(types: Sequence[str], na: Sequence[str] | None, unseen: Unseen) -> Stated:
    """What the options say of the columns. Raises UsageError."""
    from deploy.columns.frames import Stated
    from inference.rows.schema import COLUMN_TYPES, NA_WORDS

    found: dict[str, ColumnType] = {}
    for each in types:
        name, _, said = each.rpartition("=")
        kind = next((known for known in COLUMN_TYPES if known == said), None)
        if not name or kind is None:
            raise UsageError(
                f"--type {each}: expected COLUMN=TYPE with one of the types"
                f" {', '.join(COLUMN_TYPES)}"
            )
        found[name] = kind
    return Stated(found, NA_WORDS if na is None else tuple(na), unseen)


def _warn_of_another_version(described: Manifest) -> None:
    here = described.versions.get(described.distribution)
    if here not in (None, described.version):
        typer.echo(
            f"{described.file} was made with {described.framework} {described.version}, and its"
            f" golden rows are answers of {here}, which is installed here: compare them, or train"
            f" it again with {here}",
            err=True,
        )


def accelerate(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="The folder of a model and its triscore.json.")
    ],
    *,
    relative: Relative = None,
    absolute: Absolute = None,
    as_json: output.Json = False,
) -> int:
    """Serve a model as an ONNX graph, once it is proven to answer as the model does."""
    from deploy import accelerate as acceleration

    with _prints_to_stderr():
        graph = acceleration.accelerate(_existing(folder), relative=relative, absolute=absolute)
    text = (
        f"{folder / graph.file}: SHA-256 {graph.sha256[:12]}…, {graph.numbers}, answers"
        f" {graph.rows} rows as the model does (numbers differ by at most"
        f" {graph.largest_difference:.1e}). It answers from the next start on."
    )
    output.show(asdict(graph) | {"file": str(folder / graph.file)}, text, as_json=as_json)
    return 0


def _prints_to_stderr() -> contextlib.AbstractContextManager[object]:
    """What a model prints, as one with verbose=1 does, is no part of the command's result."""
    return contextlib.redirect_stdout(sys.stderr)


def _existing(folder: Path) -> Path:
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder: name the one that holds the model")
    return folder
