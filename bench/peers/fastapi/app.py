"""A service written by hand: FastAPI, orjson, redis.asyncio, objects of the start frozen in gc.

MODEL_FILE names the model, REDIS_URL the cache; an empty one means none. Requests are parsed
without a Pydantic model and predicted on the event loop: on one core a thread would only cost.
"""

import contextlib
import gc
import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import joblib
import numpy as np
import orjson
import redis.asyncio
from fastapi import FastAPI, Request, Response

TTL_S = 3600

file = Path(os.environ["MODEL_FILE"])
model = joblib.load(file)
version = hashlib.sha256(file.read_bytes()).digest()
url = os.environ.get("REDIS_URL", "")
cache = redis.asyncio.Redis.from_url(url) if url else None


@contextlib.asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    gc.collect()
    gc.freeze()
    yield
    if cache is not None:
        await cache.aclose()


app = FastAPI(lifespan=lifespan, openapi_url=None)


def predict(body: bytes) -> bytes:
    rows = np.asarray(orjson.loads(body)["data"], dtype=np.float64)
    return orjson.dumps(model.predict(rows), option=orjson.OPT_SERIALIZE_NUMPY)


@app.post("/score")
async def score(request: Request) -> Response:
    body = await request.body()
    if cache is None:
        return Response(predict(body), media_type="application/json")
    key = hashlib.sha256(version + body).digest()
    answer = await cache.get(key)
    if answer is None:
        answer = predict(body)
        await cache.set(key, answer, ex=TTL_S)
    return Response(answer, media_type="application/json")


@app.get("/health")
async def health() -> Response:
    return Response(b"ok")
