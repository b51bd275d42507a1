"""Describes a model in a manifest, so that the app can tell the file from any other."""

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
from inference.rows.row_types import Array
from inference.rows.schema import Signature
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
    """A manifest of the one model in a folder, which is loaded: trust it first.

    Golden rows come from a file, else a few are drawn, the same each time. They also tell what the
    model takes: an array where it answers that, else a DataFrame. Raises ScoringError, OSError.
    """
    file = models.find_file(folder)
    if trusted and file.suffix != ".skops":
        raise ModelUnavailable(f"{file.name} takes no --trust: only a .skops file lists its types")
    model = models.load(file, trusted=trusted, errors=SHOWN)
    own = model.signature()
    model.answer_function(method, own)  # before anything is asked of the rows
    signature, golden = _golden(model, method, _rows(rows_file, own))
    return manifests.Manifest(
        file=file.name,
        sha256=models.digest(file).hex(),
        framework=model.framework,
        version=model.version,
        method=method,
        features=manifests.Features(
            kind=signature.kind,
            count=signature.features,
            names=signature.names and list(signature.names),
            types=signature.types and list(signature.types),
            missing=signature.allows_missing,
        ),
        classes=_plain(model.classes),
        independent=_independent(model, method, signature, golden),
        trusted=list(trusted),
        golden=replace(golden, relative=relative, absolute=absolute),
    )


def _independent(model: Model, method: str, signature: Signature, golden: Golden) -> bool:
    rows = coercion.fit(golden.rows, signature, text=False).all_fit()
    return batch_invariance.is_batch_invariant(model.answer_function(method, signature), rows)


def _rows(file: Path | None, signature: Signature) -> Sample | None:
    if file is not None:
        return sample.read(file, signature)
    if signature.kind == "array" and signature.features:
        return sample.drawn(signature.features)
    return None


def _golden(model: Model, method: str, rows: Sample | None) -> tuple[Signature, Golden]:
    """What the model takes, and its answers to that."""
    own = model.signature()
    if rows is None:
        return own, Golden()
    failures: list[Exception] = []
    for signature in _candidates(rows, own):
        try:
            values = coercion.fit(rows.rows, signature, text=rows.text).all_fit()
            answers = model.answer_function(method, signature)(values)
        except CallerError:
            raise
        except Exception as error:  # noqa: BLE001 - told below, once nothing else is left to try
            failures.append(error)
            continue
        golden = Golden(_plain(values) or (), _plain(answers) or ())
        return signature.with_missing(_allows_missing(model, method, signature, values)), golden
    raise ModelUnavailable(
        f"the model does not take these golden rows ({_told(failures[-1])}): give it some that it"
        " takes with `triscore describe DIR --rows FILE`"
    ) from failures[-1]


def _candidates(rows: Sample, own: Signature) -> Iterator[Signature]:
    """What the model may take, the cheapest first."""
    if own.kind != "array":
        yield own
        return
    types = rows.types()
    if set(types) == {"number"}:
        yield own
    if own.names is not None:
        # Whether cells may be missing is found out afterwards; here they must not stand in the way.
        yield Signature(
            kind="frame", features=len(types), names=own.names, types=types, allows_missing=True
        )
    elif set(types) != {"number"}:
        raise ModelUnavailable(
            "the rows hold texts, and the model was trained without column names: train it on a"
            " DataFrame"
        )


def _allows_missing(model: Model, method: str, signature: Signature, values: Array) -> bool:
    """What an estimator says when each cell of a row in turn is missing. Other models refuse
    nothing: there it is for the golden rows to say.
    """
    if signature.kind == "texts":
        return False
    if model.framework != "scikit-learn":
        return bool((values != values).any())  # noqa: PLR0124 - also of objects, unlike isnan
    gaps = np.repeat(values[:1], values.shape[1], axis=0)
    np.fill_diagonal(gaps, np.nan)
    try:
        model.answer_function(method, signature)(gaps)
    except Exception:  # noqa: BLE001 - that is the answer
        return False
    return True


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _plain(values: Any) -> Sequence[Any] | None:
    """As JSON will have it."""
    plain: Sequence[Any] | None = orjson.loads(json_codec.dumps(values))
    return plain
