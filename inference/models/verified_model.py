"""Loads a model and compares its golden rows, after which it may answer."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from inference.errors import ModelUnavailable
from inference.models import golden_rows
from inference.models.answers import MAX_DENSE_BYTES
from inference.models.manifests import Manifest
from inference.models.model import Model, load
from inference.rows.row_types import Values
from inference.rows.schema import Schema
from inference.script_errors import HIDDEN, ScriptErrors

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class VerifiedModel:
    """`answer`: from rows, shape (rows, features) as `schema` says, to one answer a row."""

    schema: Schema
    answer: Callable[[Values], Any]
    #: As Model.library_only.
    library_only: bool
    #: The labels and the probabilities of rows; None of a model without probabilities.
    probabilities: Probabilities | None = None


@dataclass(frozen=True, slots=True)
class Probabilities:
    """`labels` and `probabilities`: like VerifiedModel.answer, of the same rows."""

    labels: Callable[[Values], Any]
    probabilities: Callable[[Values], Any]
    #: In the order of the probabilities; a list for each output of a model with several.
    classes: Sequence[Any]

    @property
    def are_of_several_outputs(self) -> bool:
        return isinstance(self.classes[0], list | tuple)

    def are_of_each_class(self, found: Any) -> bool:
        """Whether a model of several outputs gave a list for each of them, as `classes` has. A
        chain of classifiers gives a number: that of the second class.
        """
        return not self.are_of_several_outputs or all(
            hasattr(each, "__len__") for row in found[:1] for each in row
        )


def load_verified(
    file: Path,
    manifest: Manifest | None,
    errors: ScriptErrors = HIDDEN,
    *,
    max_dense_bytes: int = MAX_DENSE_BYTES,
) -> VerifiedModel:
    """Load a model whose digest was verified. Raises ModelUnavailable.

    Arrays are mapped only if there are golden rows, because these show whether the model works on
    read-only arrays. A model that does not is loaded again, without mapping.
    """
    loading = partial(load, file, errors=errors, max_dense_bytes=max_dense_bytes)
    if manifest is None:
        model = loading()
        schema = model.schema()
        answer = model.answer_function("predict", schema, checked=True)
        known = _probabilities(model, schema, model.classes)
        return VerifiedModel(schema, answer, model.library_only, known)
    has_golden_rows = len(manifest.golden.rows) > 0
    model = loading(trusted=manifest.trusted, mapped=has_golden_rows)
    try:
        return _verify(model, manifest, errors)
    except ModelUnavailable as error:
        if not model.mapped:
            raise
        log.info("%s is loaded again, without mapping: %s", file.name, error)
    return _verify(loading(), manifest, errors)


def _verify(model: Model, manifest: Manifest, errors: ScriptErrors) -> VerifiedModel:
    schema = model.schema(manifest.features)
    answer = model.answer_function(manifest.method, schema, checked=True)
    if manifest.golden.rows:
        rows = golden_rows.read_rows(manifest, schema)
        golden_rows.check(
            *(manifest, rows, answer),
            version=model.version,
            versions=model.versions,
            errors=errors,
        )
    known = _probabilities(model, schema, manifest.classes)
    if known and manifest.golden.rows and not _are_of_each_class(known, rows[:1]):
        known = None
    return VerifiedModel(schema, answer, model.library_only, known)


def _probabilities(
    model: Model, schema: Schema, classes: Sequence[Any] | None
) -> Probabilities | None:
    if not classes:
        return None
    try:
        labels = model.answer_function("predict", schema, checked=True)
        return Probabilities(labels, model.answer_function("predict_proba", schema), classes)
    except ModelUnavailable:
        return None


def _are_of_each_class(known: Probabilities, row: Values) -> bool:
    if not known.are_of_several_outputs:  # a call of the model at each start would tell nothing
        return True
    try:
        return known.are_of_each_class(known.probabilities(row))
    except Exception:  # noqa: BLE001 - a model may raise anything; a request is then told
        return True
