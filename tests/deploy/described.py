"""Models that are described and then answer a file, as the app does."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import joblib
import orjson

from deploy import manifest
from deploy.columns.frames import Stated
from inference import models
from inference.limits import Limits
from inference.models import VerifiedModel, load_verified, manifest_file
from inference.rows import formats
from inference.rows.formats import json_codec
from inference.rows.schema import Column

LIMITS = Limits(10**8, 10**6)


def describe(folder: Path, model: Any, rows: Path | str | None = None, **options: Any) -> Path:
    """Save a model, and describe it with rows: a file, or the text of a CSV file."""
    joblib.dump(model, folder / "model.joblib")
    if isinstance(rows, str):
        file = folder / "rows.csv"
        file.write_text(rows)
        rows = file
    method = options.pop("method", "predict")
    found = manifest.describe(folder, method=method, rows_file=rows, stated=Stated(**options))
    manifest_file.write(folder, found)
    return folder


def load(folder: Path) -> VerifiedModel:
    found = manifest_file.read(folder)
    assert found is not None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return load_verified(models.find_file(folder, found), found)


def columns(folder: Path) -> dict[str, Column]:
    found = manifest_file.read(folder)
    assert found is not None
    schema = found.features.schema()
    assert schema is not None
    return {column.name: column for column in schema.columns or ()}


def answers(served: VerifiedModel, body: bytes | str, content_type: str = "text/csv") -> list[Any]:
    """What the app answers to a body."""
    body = body.encode() if isinstance(body, str) else body
    values = formats.decode(body, content_type, served.schema, limits=LIMITS).require_valid()
    with warnings.catch_warnings():  # the filter that the model set ended with `load`
        warnings.filterwarnings("ignore", "X does not have valid feature names")
        return plain(served.answer(values))


def plain(found: Any) -> list[Any]:
    listed: list[Any] = orjson.loads(json_codec.dumps(found))
    return listed
