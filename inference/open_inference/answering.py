"""An inference, from the request's bytes to the answer's."""

from __future__ import annotations

import logging
import time
from functools import partial
from typing import Any

import orjson

from inference import content_encoding, faults, media_types
from inference.models import ModelId
from inference.off_loop import off_loop
from inference.open_inference import columns, inference_request, outputs, tensors
from inference.open_inference.inference_request import HEADER_LENGTH, InferenceRequest
from inference.request import Answer, Request
from inference.scorer import Scorer
from inference.scripts import EstimatorScript, Question, RowQuestion
from inference.settings import InferenceSettings

#: Of an answer that is not JSON alone.
OCTETS = "application/octet-stream"

log = logging.getLogger(__name__)


async def infer(scorer: Scorer, script: EstimatorScript, request: Request) -> Answer:
    """Answer an inference request. Raises ScoringError; nothing of a failed one is stored."""
    with faults.Named(log, request.id):
        return await _infer(scorer, script, request)


async def _infer(scorer: Scorer, script: EstimatorScript, request: Request) -> Answer:
    began = time.perf_counter()
    settings, encoding = scorer.settings, request.headers.get("content-encoding", "")
    # Nobody knows beforehand how much a packed body holds.
    size = settings.max_body_bytes if encoding else len(request.body)
    asked, question = await off_loop(size, partial(_read, request, encoding, script, settings))
    prediction = await scorer.predict(
        question, recompute=request.recompute, patient=request.patient
    )
    head, data = await off_loop(
        len(prediction.value), partial(_write, prediction.value, asked, script.method, scorer.model)
    )
    return Answer(
        body=head + data,
        content_type=OCTETS if asked.binary else media_types.JSON,
        cache=prediction.cache,
        age_s=prediction.age_s,
        elapsed_ms=(time.perf_counter() - began) * 1000,
        headers=((HEADER_LENGTH, str(len(head))),) if asked.binary else (),
    )


def _read(
    request: Request, encoding: str, script: EstimatorScript, settings: InferenceSettings
) -> tuple[InferenceRequest, Question | RowQuestion]:
    body = content_encoding.unpack(request.body, encoding, limit=settings.max_body_bytes)
    asked = inference_request.read(
        body,
        request.headers.get(HEADER_LENGTH, ""),
        output=script.method,
        limits=settings.limits,
    )
    return asked, script.ask(columns.fit(asked.inputs, script.signature).all_fit())


def _write(
    answers: bytes, asked: InferenceRequest, name: str, model: ModelId
) -> tuple[bytes, bytes]:
    """The answer's document, and the bytes that follow it."""
    tensor = outputs.tensor(name, orjson.loads(answers))
    output: dict[str, Any] = {"name": name, "datatype": tensor.datatype, "shape": tensor.shape}
    document = {"model_name": model.name, "model_version": model.version, "outputs": [output]}
    if asked.id is not None:
        document["id"] = asked.id
    data = b""
    if asked.binary:
        data = tensors.to_bytes(tensor.values)
        output["parameters"] = {"binary_data_size": len(data)}
    else:
        output["data"] = tensors.to_json(tensor.values)
    return orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY), data
