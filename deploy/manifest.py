"""Describes a model in a manifest, by which the app recognizes the file and checks its answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from deploy import sample
from deploy.sample import Sample
from inference import models
from inference.errors import CallerError, ModelUnavailable
from inference.models import Model, manifests
from inference.models.manifests import Golden
from inference.rows import coercion
from inference.rows.codecs import json_codec
from inference.rows.row_types import Values
from inference.rows.schema import Schema
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
        file=file.name,
        sha256=models.digest(file).hex(),
        framework=model.framework,
        version=model.version,
        method=method,
        features=manifests.Features(
            kind=schema.kind,
            count=schema.features,
            names=schema.names and list(schema.names),
            types=schema.types and list(schema.types),
            missing=schema.allows_missing,
        ),
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
    if schema.kind == "array" and schema.features:
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
        golden = Golden(_plain(values) or (), _plain(answers) or ())
        return schema.with_missing(_allows_missing(model, method, schema, values)), golden
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
    if set(types) == {"number"}:
        yield own
    if own.names is not None:
        # Whether cells may be missing is tested later.
        yield Schema(
            kind="frame", features=len(types), names=own.names, types=types, allows_missing=True
        )
    elif set(types) != {"number"}:
        raise ModelUnavailable(
            "the rows contain text, and the model was trained without column names: train it on a"
            " DataFrame"
        )


def _allows_missing(model: Model, method: str, schema: Schema, values: Values) -> bool:
    """Whether an estimator accepts rows with one missing cell each. Other models refuse nothing:
    for them it depends on whether the golden rows have missing cells.
    """
    if schema.kind == "texts":
        return False
    if model.framework != "scikit-learn":
        return any(cell != cell for row in values.tolist() for cell in row)  # noqa: PLR0124 - NaN
    cells = values.objects() if isinstance(values, TypedRows) else values
    gaps = np.repeat(cells[:1], cells.shape[1], axis=0)
    np.fill_diagonal(gaps, np.nan)
    rows = coercion.coerce_objects(gaps, schema) if isinstance(values, TypedRows) else gaps
    try:
        model.answer_function(method, schema)(rows)
    except Exception:  # noqa: BLE001 - an estimator may raise anything
        return False
    return True


def _format_error(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _plain(values: Any) -> Sequence[Any] | None:
    """The values as they are in JSON."""
    plain: Sequence[Any] | None = orjson.loads(json_codec.dumps(values))
    return plain
