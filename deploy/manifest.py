"""Describes a model in a manifest, by which the app recognizes the file and checks its answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson

from deploy import sample
from deploy.sample import Sample
from inference import models
from inference.errors import CallerError, ModelUnavailable
from inference.models import Model, manifests
from inference.models.manifests import Golden
from inference.models.model import AnswerFunction
from inference.rows import coercion
from inference.rows.formats import json_codec
from inference.rows.row_types import Values
from inference.rows.schema import Column, Schema, frame_schema
from inference.rows.typed_rows import TypedRows
from inference.script_errors import SHOWN
from inference.scripts import batch_invariance


def describe(
    folder: Path,
    *,
    method: str = "predict",
    rows_file: Path | None = None,
    trusted: Sequence[str] = (),
    relative: float = manifests.RELATIVE,
    absolute: float = manifests.ABSOLUTE,
) -> manifests.Manifest:
    """The manifest of the one model in a folder. The model is loaded: it must be trusted.

    Golden rows come from a file; without one a few are drawn, the same each time. They also decide
    what the model accepts: an array if it answers one, else a DataFrame. Raises ScoringError,
    OSError.
    """
    file = models.find_file(folder)
    if trusted and file.suffix != ".skops":
        raise ModelUnavailable(f"{file.name} takes no --trust: only a .skops file lists its types")
    model = models.load(file, trusted=trusted, errors=SHOWN)
    own = model.schema()
    model.answer_function(method, own)  # raises if the model has no such method
    schema, golden = _golden(model, method, _rows(rows_file, own))
    return manifests.Manifest(
        file=file.relative_to(folder).as_posix(),
        sha256=models.digest(file).hex(),
        framework=model.framework,
        version=model.written_with,
        versions=dict(model.versions),
        method=method,
        features=manifests.features_of(schema),
        classes=_plain(model.classes),
        independent=_independent(model, method, schema, golden),
        trusted=list(trusted),
        golden=replace(golden, relative=relative, absolute=absolute),
    )


def _independent(model: Model, method: str, schema: Schema, golden: Golden) -> bool:
    rows = coercion.coerce_rows(golden.rows, schema, text=False).require_valid()
    return batch_invariance.is_batch_invariant(model.answer_function(method, schema), rows)


def _rows(file: Path | None, schema: Schema) -> Sample | None:
    if file is not None:
        return sample.read(file, schema)
    if schema.kind == "array":
        if not schema.features:
            raise ModelUnavailable(
                "the width is not known: give --rows FILE, with a few rows that the model takes"
            )
        return sample.draw(schema.features)
    return None


def _golden(model: Model, method: str, rows: Sample | None) -> tuple[Schema, Golden]:
    """What the model accepts, and golden rows with its answers."""
    own = model.schema()
    if rows is None:
        return own, Golden()
    failures: list[Exception] = []
    for schema in _candidates(rows, own):
        try:
            values = coercion.coerce_rows(rows.rows, schema, text=rows.text).require_valid()
            answers = model.answer_function(method, schema)(values)
        except CallerError:
            raise
        except Exception as error:  # noqa: BLE001 - reported below, if no candidate works
            failures.append(error)
            continue
        golden = Golden(_cells(values, schema), _plain(answers) or ())
        return _with_missing(model, method, schema, values), golden
    raise ModelUnavailable(
        f"the model does not accept these golden rows ({_format_error(failures[-1])}): give some"
        " that it accepts with `triscore describe DIR --rows FILE`"
    ) from failures[-1]


def _candidates(rows: Sample, own: Schema) -> Iterator[Schema]:
    """What the model may accept, the cheapest first."""
    if own.kind != "array":
        yield own
        return
    types = rows.types()
    if set(types) <= {"integer", "number"}:
        yield own
    if own.names is not None:
        # Whether cells may be missing is tested later.
        yield frame_schema(
            [Column(*each, missing=True) for each in zip(own.names, types, strict=True)]
        )
    elif not set(types) <= {"integer", "number"}:
        raise ModelUnavailable(
            "the rows contain text, and the model was trained without column names: train it on a"
            " DataFrame"
        )


def _with_missing(model: Model, method: str, schema: Schema, values: Values) -> Schema:
    """The schema with what is known of missing cells: the estimator answers a row with one in that
    column, or the golden rows have one. Other models refuse nothing, so only the rows count.
    """
    rows = _cells(values, schema)
    width = values.shape[1] if rows else 0
    gaps = [any(row[at] is None for row in rows) for at in range(width)]
    if schema.columns is None and any(gaps):  # an array has one answer for all columns
        return replace(schema, allows_missing=True)
    if model.framework != "onnx" and schema.kind != "texts":
        answer = model.answer_function(method, schema.allowing_missing())
        gaps = [known or _answers_gap(answer, schema, rows[0], at) for at, known in enumerate(gaps)]
    if schema.columns is None:
        return replace(schema, allows_missing=bool(gaps) and all(gaps))
    columns = [replace(each, missing=gap) for each, gap in zip(schema.columns, gaps, strict=True)]
    return replace(schema, columns=tuple(columns))


def _answers_gap(answer: AnswerFunction, schema: Schema, row: Sequence[Any], at: int) -> bool:
    cells = [None if position == at else cell for position, cell in enumerate(row)]
    try:
        answer(coercion.coerce_rows([cells], schema.allowing_missing(), text=False).require_valid())
    except Exception:  # noqa: BLE001 - an estimator may raise anything
        return False
    return True


def _cells(values: Values, schema: Schema) -> Sequence[Sequence[Any]]:
    """The rows as JSON has them."""
    if isinstance(values, TypedRows):
        return coercion.json_cells(values, schema)
    return _plain(values) or ()


def _format_error(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _plain(values: Any) -> Sequence[Any] | None:
    """The values as they are in JSON."""
    plain: Sequence[Any] | None = orjson.loads(json_codec.dumps(values))
    return plain
