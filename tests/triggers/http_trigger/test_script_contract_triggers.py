"""The scripts of the contract behind every trigger: messages and blobs get HTTP's results."""

from __future__ import annotations

import base64
import dataclasses
import json
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from azure.storage.blob import ContentSettings

from cache import keys
from cache.memory_cache import MemoryCache
from inference.errors import ModelUnavailable
from inference.results.result_store import ResultStore
from inference.serving.scorer import Scorer
from inference.settings import InferenceSettings
from tests.inference.scripts.contract_case import JSON, Case
from tests.inference.scripts.contract_cases import CASES
from tests.inference.scripts.contract_scripts import write
from tests.inference.scripts.test_script_contract import asking
from tests.triggers.blob_trigger.blob_parts import parts, storage_of
from tests.triggers.service_bus_trigger.test_service_bus_blueprint import documents, message
from triggers.http_trigger.score_blueprint import HttpHandler
from triggers.service_bus_trigger.message_scoring import MessageHandler

#: A message and a blob have ids of their own.
POSTED = [case for case in CASES if case.method == "POST" and not case.request_id]
STARTING = list(dict.fromkeys(case.script for case in POSTED if case.starts))
FAILING = list(dict.fromkeys(case.script for case in POSTED if not case.starts))
#: What Azure's storage says of an upload that named no type.
UNTOLD = "application/octet-stream"

Behind = Callable[..., object]


@pytest.fixture
async def behind(tmp_path: Path) -> AsyncIterator[Behind]:
    """`behind(handler, script)`: a handler with a cache of its own."""
    made: list[Scorer] = []

    def make(handler, script, **more):
        folder = tmp_path / script
        if not folder.exists():
            write(script, folder)
        # One of its cases hangs until then.
        env = {"AZUREML_MODEL_DIR": str(folder)}
        if script == "exec":
            env["SCORING_TIMEOUT_S"] = "2"
        store = MemoryCache()
        settings = InferenceSettings.from_env(env, root=folder)
        made.append(Scorer(settings, store, keys))
        return handler(made[-1], ResultStore(store, keys.result_key, ttl_s=60), **more)

    yield make
    for scorer in made:
        await release(scorer)
        await scorer.close()


async def release(scorer: Scorer) -> None:
    """Let go of the call that hangs."""
    if scorer.state == "ok":
        names = (await scorer.script())._run.__globals__  # type: ignore[attr-defined]
        if "hang" in names:
            names["hang"].set()


@pytest.fixture(scope="module")
def storage(azurite):
    with storage_of(azurite) as account:
        yield account


@pytest.fixture
def blob_handler(storage):
    return lambda scorer, results: parts(scorer, results, storage).handler


async def over_http(handler: HttpHandler, case: Case) -> tuple[str, object]:
    """What a result document should say of what HTTP answered."""
    response = await handler.score(asking(case))
    body = response.get_body()
    if case.refused:
        error = json.loads(body)["error"]
        return "failed", (error["code"], error["message"])
    if response.status_code >= 400:
        text = f"the script answered {response.status_code}: {body.decode()}"
        return "failed", ("script_failed", text)
    return "succeeded", rendered(body, response.headers.get("content-type", response.mimetype))


def rendered(body: bytes, kind: str) -> object:
    if kind == JSON:
        return json.loads(body)
    if kind.startswith("text/"):
        return body.decode()
    return {"content_type": kind, "base64": base64.b64encode(body).decode()}


def outcome(document, result) -> tuple[str, object]:
    error = document["error"]
    return document["status"], (error["code"], error["message"]) if error else result


def as_message(case: Case, name: str):
    properties = case.headers()
    if kind := properties.pop("content-type", ""):
        properties["content_type"] = kind
    return message(case.body, name=name, properties=properties)


def as_blob(case: Case, container):
    """JSON is told by the name's end, everything else by the upload's type."""
    if case.kind == JSON:
        return container.upload_blob(f"{case.script}.json", case.body, overwrite=True)
    settings = ContentSettings(content_type=case.kind or None)
    return container.upload_blob(case.script, case.body, overwrite=True, content_settings=settings)


@pytest.mark.parametrize("script", STARTING)
async def test_a_batch_of_messages_gets_the_results_that_http_gives(behind, script):
    cases = [case for case in POSTED if case.script == script]
    http = behind(HttpHandler, script)
    expected = [await over_http(http, case) for case in cases]
    sent = [as_message(case, f"m{number}") for number, case in enumerate(cases)]
    done = await documents(behind(MessageHandler, script), *sent)
    assert [outcome(document, document["result"]) for document in done] == expected


@pytest.mark.parametrize("script", STARTING)
async def test_blobs_get_the_results_that_http_gives(behind, blob_handler, storage, script):
    http, handler = behind(HttpHandler, script), behind(blob_handler, script)
    # Metadata reaches a script under names of its own (x-ms-meta-*): not what these cases ask for.
    for case in (case for case in POSTED if case.script == script and not case.own):
        blob = as_blob(case, storage.source)
        document = json.loads(await handler.score(blob, storage.output))
        result = None
        if document["status"] == "succeeded":
            scored = storage.output.download_blob(blob.blob_name)
            result = rendered(scored.readall(), scored.properties.content_settings.content_type)
        typed = dataclasses.replace(case, kind=case.kind or UNTOLD)
        assert outcome(document, result) == await over_http(http, typed), case


@pytest.mark.parametrize("script", FAILING)
async def test_messages_and_blobs_wait_for_a_script_that_does_not_start(
    behind, blob_handler, storage, script
):
    (case,) = (case for case in POSTED if case.script == script)
    with pytest.raises(ModelUnavailable, match=re.escape(case.content)):
        await behind(MessageHandler, script, retry_s=0).score([as_message(case, "m")])
    blob = as_blob(case, storage.source)
    with pytest.raises(ModelUnavailable):
        await behind(blob_handler, script).score(blob, storage.output)
    assert not storage.output.get_blob_client(f"{blob.blob_name}.report.json").exists()
