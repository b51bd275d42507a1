"""Teaches schemathesis bodies that are not JSON, compression and `Accept`.

Loaded by its command through SCHEMATHESIS_HOOKS.
"""

from __future__ import annotations

import gzip
import io
import itertools
import json
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import schemathesis
from backports import zstd
from hypothesis import strategies as st
from schemathesis import openapi

JSON, JSON_LINES = "application/json", "application/jsonl"
CSV, NPY = "text/csv", "application/x-npy"

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "zstd": zstd.compress,
}
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
ACCEPTED = itertools.cycle(
    ["*/*", JSON, f"{CSV};q=0.5, {NPY}", JSON_LINES, "text/*", "image/png", "", ";;q=x,"]
)


@schemathesis.hook
def after_load_schema(context: schemathesis.HookContext, schema: Any) -> None:
    """Rows of numbers, as wide as the document says; for other models the document's examples."""
    content = schema.raw_schema["paths"]["/score"]["post"]["requestBody"]["content"]
    # Where bodies are drawn below, the client takes no examples that are texts.
    bodies = {
        form: st.sampled_from([each["value"].encode() for each in examples.values()])
        for form in (CSV, JSON_LINES)
        if (examples := content.get(form, {}).pop("examples", None))
    }
    if NPY in content:
        width = schema.raw_schema["components"]["schemas"]["Row"]["minItems"]
        rows = st.lists(st.lists(NUMBERS, min_size=width, max_size=width), min_size=1)
        bodies = {CSV: rows.map(_csv), JSON_LINES: rows.map(_lines), NPY: rows.map(_npy)}
    for form, strategy in bodies.items():
        openapi.media_type(form, strategy)
    schemathesis.serializer(*bodies)(_packed)


@schemathesis.serializer(JSON)
def _json(ctx: schemathesis.SerializationContext, value: Any) -> bytes:
    return _packed(ctx, value if isinstance(value, bytes) else json.dumps(value))


@schemathesis.hook
def before_call(
    context: schemathesis.HookContext, case: schemathesis.Case[Any], kwargs: Any
) -> None:
    case.headers["Accept"] = next(ACCEPTED)


def _packed(ctx: schemathesis.SerializationContext, value: Any) -> bytes:
    """Compress a body as its request's header says, if it names a known encoding."""
    body = value.encode() if isinstance(value, str) else value
    headers = {name.lower(): each for name, each in (ctx.case.headers or {}).items()}
    pack = PACKERS.get(headers.get("content-encoding", ""))
    return pack(body) if pack else body


def _csv(rows: list[list[float]]) -> bytes:
    return b"".join(",".join(map(repr, row)).encode() + b"\n" for row in rows)


def _lines(rows: list[list[float]]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def _npy(rows: list[list[float]]) -> bytes:
    out = io.BytesIO()
    np.save(out, np.array(rows))
    return out.getvalue()
