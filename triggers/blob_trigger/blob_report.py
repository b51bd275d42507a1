"""A blob's report, and the answer in its result document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from inference.models import ModelId
from inference.request import Answer
from inference.rows import media_types
from inference.serving.batch_report import Report
from triggers.blob_trigger.blob_attempts import BlobVersion
from triggers.blob_trigger.blob_output import BlobOutput

_NUMBERS = ("rows", "failed", "seconds", "cache_hits")
_NOTHING = {"rows": 0, "failed": 0, "seconds": 0.0, "cache_hits": 0, "rows_per_s": 0.0}


def report_of(
    version: BlobVersion,
    model: ModelId,
    *,
    scored: Report | None = None,
    error: Mapping[str, str] | None = None,
    output: BlobOutput | None = None,
) -> dict[str, Any]:
    """`{name}.report.json`. `error`, a code and a message, says why the blob was not scored;
    `scored` is then how far its scoring came. `output` is given where there is one.
    """
    numbers = _NOTHING if scored is None else {name: getattr(scored, name) for name in _NOTHING}
    failed_rows = [] if scored is None else [each._asdict() for each in scored.errors]
    return {
        "id": version.result_id,
        "status": "failed" if error else "succeeded",
        **numbers,
        "errors": failed_rows,
        "header": None if scored is None else scored.header,
        "model": model.as_dict(),
        "input": f"{version.container}/{version.name}",
        "etag": version.etag,
        "output": None if output is None else output.place,
        "output_etag": None if output is None else output.etag,
        "error": error,
    }


def answer_of(report: Mapping[str, Any], output: BlobOutput) -> Answer:
    """The answer in a blob's result document names the predictions' blob, not the predictions."""
    numbers = {name: report[name] for name in _NUMBERS}
    # A report of an earlier release names no output: it had the name of its blob.
    places = {"output": report.get("output") or output.place, "report": output.report_place}
    return Answer(
        body=orjson.dumps(numbers | places),
        content_type=media_types.JSON,
        cache="hit" if numbers["cache_hits"] >= numbers["rows"] else "miss",
        elapsed_ms=numbers["seconds"] * 1000,
        rows=numbers["rows"],
    )
