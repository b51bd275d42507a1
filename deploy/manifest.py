"""Describes a model in a manifest, so that the app can tell the file from any other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from deploy import sample
from deploy.sample import Sample
from inference import fitting, manifests, models
from inference.codecs import json_codec
from inference.errors import CallerError, ModelUnavailable
from inference.rows import Array
from inference.scripts import company
from inference.scripts.estimator import asking
from inference.signature import TEXTS, Signature


def describe(
    folder: Path, *, method: str = "predict", rows_file: Path | None = None
) -> manifests.Manifest:
    """A manifest of the one model in a folder, which is loaded: trust it first.

    Golden rows come from a file, else a few are drawn, the same each time. They also tell what the
    model takes: an array where it answers that, else a DataFrame. Raises ScoringError, OSError.
    """
    file = models.find(folder)
    estimator = models.load(file)
    if not callable(getattr(estimator, method, None)):
        raise ModelUnavailable(f"{file.name} is no estimator with {method}()")
    own = TEXTS if models.takes_texts(estimator) else models.signature(estimator)
    signature, golden = _golden(getattr(estimator, method), _rows(rows_file, own), own)
    rows = fitting.fit(golden.rows, signature, text=False).all_fit()
    ask = asking(getattr(estimator, method), signature)
    return manifests.Manifest(
        file=file.name,
        sha256=models.digest(file).hex(),
        framework="scikit-learn",
        version=models.framework_version(),
        method=method,
        features=manifests.Features(
            kind=signature.kind,
            count=signature.features,
            names=signature.names and list(signature.names),
            types=signature.types and list(signature.types),
            missing=signature.allows_missing,
        ),
        classes=_plain(getattr(estimator, "classes_", None)),
        independent=company.is_no_matter(ask, rows),
        golden=golden,
    )


def _rows(file: Path | None, signature: Signature) -> Sample | None:
    if file is not None:
        return sample.read(file, signature)
    if signature.kind == "array" and signature.features:
        return sample.drawn(signature.features)
    return None


def _golden(method: Any, rows: Sample | None, own: Signature) -> tuple[Signature, manifests.Golden]:
    """What the model takes, and its answers to that."""
    if rows is None:
        return own, manifests.Golden()
    failures: list[Exception] = []
    for signature in _candidates(rows, own):
        try:
            values = fitting.fit(rows.rows, signature, text=rows.text).all_fit()
            answers = asking(method, signature)(values)
        except CallerError:
            raise
        except Exception as error:  # noqa: BLE001 - told below, once nothing else is left to try
            failures.append(error)
            continue
        golden = manifests.Golden(_plain(values) or (), _plain(answers) or ())
        return _with_missing(method, signature, values), golden
    raise ModelUnavailable(
        f"the model does not take these golden rows ({_told(failures[-1])}): give it some that it"
        " takes with --rows FILE"
    ) from failures[-1]


def _candidates(rows: Sample, own: Signature) -> Iterator[Signature]:
    """What the model may take, the cheapest first."""
    if own.kind == "texts":
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


def _with_missing(method: Any, signature: Signature, values: Array) -> Signature:
    """The signature, with what the model says when each cell of a row in turn is missing."""
    if signature.kind == "texts":
        return signature
    gaps = np.repeat(values[:1], values.shape[1], axis=0)
    np.fill_diagonal(gaps, np.nan)
    try:
        asking(method, signature)(gaps)
    except Exception:  # noqa: BLE001 - that is the answer
        allowed = False
    else:
        allowed = True
    return signature.with_missing(allowed)


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _plain(values: Any) -> Sequence[Any] | None:
    """As JSON will have it."""
    plain: Sequence[Any] | None = orjson.loads(json_codec.dumps(values))
    return plain
