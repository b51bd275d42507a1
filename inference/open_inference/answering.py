"""Answers an inference request, from bytes to bytes."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

import orjson

from inference.limits import Limits
from inference.models import ModelId
from inference.open_inference import columns, inference_request, outputs, tensors
from inference.open_inference.inference_request import HEADER_LENGTH, InferenceRequest
from inference.request import Answer, Request
from inference.rows import media_types
from inference.rows.formats import json_codec
from inference.scripts import EstimatorScript, Question, RowQuestion
from inference.serving.deadlines import Wait
from inference.serving.off_loop import INLINE_ANSWER_BYTES, off_loop
from inference.serving.prediction import count_rows
from inference.serving.scorer import Scorer

#: Of an answer with bytes after its JSON.
OCTETS = "application/octet-stream"


async def infer(scorer: Scorer, script: EstimatorScript, request: Request, wait: Wait) -> Answer:
    """Answer an inference request. Nothing of a failed request is stored.

    Call it within `scorer.request_deadline(request)`.
    """
    began = time.perf_counter()
    async with scorer.bodies.opened(request, script) as unpacked:
        read = partial(_read, unpacked, script, scorer.settings.limits)
        asked, question = await scorer.bodies.read(unpacked, read)
        prediction = await scorer.predict(question, recompute=request.recompute, wait=wait)
        write = partial(_write, prediction.value, asked, script.method, scorer.model)
        size = len(prediction.value)
        head, data = await off_loop(size <= INLINE_ANSWER_BYTES, size, write)
    return Answer(
        body=head + data,
        content_type=OCTETS if asked.binary else media_types.JSON,
        cache=prediction.cache,
        age_s=prediction.age_s,
        elapsed_ms=(time.perf_counter() - began) * 1000,
        rows=count_rows(question),
        headers=((HEADER_LENGTH, str(len(head))),) if asked.binary else (),
    )


def _read(
    request: Request, script: EstimatorScript, limits: Limits
) -> tuple[InferenceRequest, Question | RowQuestion]:
    asked = inference_request.read(
        request.body,
        request.headers.get(HEADER_LENGTH, ""),
        output=script.method,
        limits=limits,
    )
    return asked, script.question_of(columns.coerce(asked.inputs, script.schema).require_valid())


def _write(
    answers: bytes, asked: InferenceRequest, name: str, model: ModelId
) -> tuple[bytes, bytes]:
    """The answer's document and the bytes after it."""
    tensor = outputs.tensor(name, json_codec.as_list(answers, media_types.JSON))
    output: dict[str, Any] = {"name": name, "datatype": tensor.datatype, "shape": tensor.shape}
    document = {"model_name": model.name, "model_version": model.version, "outputs": [output]}
    if asked.id is not None:
        document["id"] = asked.id
    data = b""
    if asked.binary:
        data = tensors.to_bytes(tensor.values)
        output["parameters"] = {"binary_data_size": len(data)}
    else:
        output["data"] = orjson.Fragment(json_codec.dumps_rows(tensors.to_json(tensor.values)))
    return orjson.dumps(document), data
