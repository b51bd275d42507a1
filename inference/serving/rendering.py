"""Writes predictions as answers, in the format that the caller accepts."""

from __future__ import annotations

import time
from functools import partial

from inference.errors import UnacceptableAnswer
from inference.request import Answer
from inference.rows import formats, media_types
from inference.rows.formats import named_columns
from inference.rows.formats.output_columns import PREDICTION_ALONE, OutputColumns
from inference.scripts import Script
from inference.serving.off_loop import INLINE_ANSWER_BYTES, off_loop
from inference.serving.prediction import Prediction


def choose_format(script: Script, accept: str) -> str:
    """The format that an Accept header asks for. Raises UnacceptableAnswer.

    A script that doesn't read rows may make responses of any type, and otherwise answers in JSON:
    whether its caller accepts them is not checked.
    """
    try:
        return media_types.negotiate(accept)
    except UnacceptableAnswer:
        if script.reads_rows:
            raise
        return media_types.JSON


async def render(
    prediction: Prediction,
    form: str,
    began: float,
    columns: OutputColumns = PREDICTION_ALONE,
    rows: int | None = None,
) -> Answer:
    """The answer in a format. `began`: time.perf_counter() when the request came.

    `columns`: with classes where the prediction is of labels with the probabilities of these.
    `rows`: how many the request has.
    """
    value, reply = prediction.value, prediction.reply
    if reply is not None:
        return Answer(
            body=reply.body,
            content_type=reply.content_type,
            cache=prediction.cache,
            elapsed_ms=(time.perf_counter() - began) * 1000,
            status=reply.status,
            headers=reply.headers,
            from_script=True,
            rows=rows,
        )
    write = None if form == media_types.JSON else partial(formats.encode, value, form, columns)
    if columns.classes is not None:
        write = partial(named_columns.encode_probabilities, value, columns, form)
    if write is not None:  # the cache holds predictions as JSON
        size = len(value)
        value = await off_loop(size <= INLINE_ANSWER_BYTES, size, write)
    return Answer(
        body=value,
        content_type=media_types.type_of_output(form),
        cache=prediction.cache,
        elapsed_ms=(time.perf_counter() - began) * 1000,
        age_s=prediction.age_s,
        rows=rows,
    )
