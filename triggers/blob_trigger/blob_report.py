"""A blob's report, and the answer in its result document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from inference.models import ModelId
from inference.request import Answer
from inference.rows import media_types
from inference.serving import table_scoring
from triggers.blob_trigger.blob_attempts import BlobVersion
from triggers.blob_trigger.blob_output import BlobOutput

_NUMBERS = ("rows", "failed", "seconds", "cache_hits")


def report_of(
    version: BlobVersion,
    model: ModelId,
    *,
    scored: table_scoring.Report | None = None,
    error: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """`{name}.report.json`. Either `scored` or `error`, a code and a message, is given."""
    numbers = scored or table_scoring.Report()
    return {
        "id": version.id,
        "status": "failed" if error else "succeeded",
        **{name: getattr(numbers, name) for name in _NUMBERS},
        "model": model.as_dict(),
        "input": f"{version.container}/{version.name}",
        "etag": version.etag,
        "error": error,
    }


def answer_of(report: Mapping[str, Any], output: BlobOutput) -> Answer:
    """The answer in a blob's result document names the predictions' blob, not the predictions."""
    numbers = {name: report[name] for name in _NUMBERS}
    return Answer(
        body=orjson.dumps(numbers | {"output": output.place, "report": output.report_place}),
        content_type=media_types.JSON,
        cache="hit" if numbers["cache_hits"] >= numbers["rows"] else "miss",
        elapsed_ms=numbers["seconds"] * 1000,
    )
