"""One script behind every trigger: what it sees of an input, and where its answer goes."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from azure.storage.blob import ContentSettings

from inference.serving.scorer import Scorer
from tests.triggers.blob_trigger.blob_parts import parts, storage_of
from tests.triggers.http_trigger.test_request_queue import InputQueue
from tests.triggers.http_trigger.test_score_blueprint import asking
from tests.triggers.service_bus_trigger.test_service_bus_blueprint import documents, message
from triggers import envelope
from triggers.http_trigger.score_blueprint import HttpHandler
from triggers.service_bus_trigger.message_scoring import MessageHandler

SEES = """
from azureml.contrib.services.aml_request import AMLRequest, rawhttp
def init(): ...
@rawhttp
def run(request):
    own = {k.lower(): v for k, v in request.headers.items() if k.lower().startswith("x-")}
    body = request.get_data().decode()
    return [request.method, body, request.content_type, request.args.to_dict(), own]
"""
ANSWERS = """
from azureml.contrib.services.aml_request import AMLRequest, rawhttp
from azureml.contrib.services.aml_response import AMLResponse
from werkzeug.wrappers import Response
def init(): ...
@rawhttp
def run(request): return eval(request.get_data())
"""
PICTURE = b"AMLResponse(b'\\xff\\xd8', 200, {'Content-Type': 'image/jpeg'})"


@pytest.fixture
def scorer_of(tmp_path: Path, make_scorer: Callable[..., Scorer]) -> Callable[[str], Scorer]:
    """`scorer_of(text)`: a scorer of that script, in place of the model."""

    def make(text: str) -> Scorer:
        (tmp_path / "score.py").write_text(text)
        return make_scorer(tmp_path)

    return make


async def test_a_message_reaches_the_script_with_its_properties_as_headers(scorer_of, results):
    handler = MessageHandler(scorer_of(SEES), results, retry_s=0)
    sent = message(b"hi", name="m7", properties={"X-Own": "o"}, content_type="text/plain")
    (document,) = await documents(handler, sent)
    assert document["result"] == [
        "POST", "hi", "text/plain", {}, {"x-own": "o", "x-message-id": "m7"},
    ]  # fmt: skip


#: What proves who somebody is, or might: by no list can all of these be named.
PROOFS = (
    *("authorization", "proxy_authorization", "cookie", "x_functions_key", "x_api_key", "api_key"),
    *("ocp_apim_subscription_key", "x_auth_token", "x_amz_security_token", "x_csrf_token"),
    *("x_ms_client_principal", "x_ms_token_aad_access_token", "x_forwarded_client_cert", "x_own"),
)


async def test_an_enqueued_request_reaches_the_script_as_it_was_sent_without_its_secrets(
    scorer_of, results
):
    scorer, queue = scorer_of(SEES), InputQueue()
    await HttpHandler(scorer, results, queue=queue.of(results)).score(
        asking(
            b"hi",
            path="score?q=1&code=secret",
            prefer="respond-async",
            content_type="text/plain",
            x_ms_meta_own="o",
            accept_language="de",
            x_request_id="r",
            **dict.fromkeys(PROOFS, "secret"),
        )
    )
    (sent,) = queue.sent
    assert "secret" not in str(sent)
    assert envelope.unpack(sent.body.encode()).headers["prefer"] == "respond-async"
    handler = MessageHandler(scorer, results, retry_s=0)
    (document,) = await documents(handler, message(sent.body.encode()))
    assert document["result"] == [
        "POST", "hi", "text/plain", {"q": "1"}, {"x-ms-meta-own": "o", "x-request-id": "r"},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "result"),
    [
        (PICTURE, {"content_type": "image/jpeg", "base64": base64.b64encode(b"\xff\xd8").decode()}),
        (b"AMLResponse('text', 200)", "text"),
        (b"AMLResponse({'a': 1}, 200, json_str=True)", {"a": 1}),
        (
            b"AMLResponse('{', 200, {'Content-Type': 'application/json'})",
            {"content_type": "application/json", "base64": "ew=="},
        ),
        (
            b"Response('{', content_type='application/json')",
            {"content_type": "application/json", "base64": "ew=="},
        ),
        (b"{'a': 1}", {"a": 1}),
    ],
)
async def test_a_response_that_a_script_made_stands_in_the_result_document(
    scorer_of, results, body, result
):
    (document,) = await documents(MessageHandler(scorer_of(ANSWERS), results), message(body))
    assert (document["status"], document["result"]) == ("succeeded", result)
    assert document["cache"] == "bypass"


async def test_an_error_that_a_script_answered_is_a_failed_document(scorer_of, results):
    handler = MessageHandler(scorer_of(ANSWERS), results)
    (document,) = await documents(handler, message(b"AMLResponse('too blurred', 422)"))
    assert (document["status"], document["result"]) == ("failed", None)
    assert document["error"] == {
        "code": "script_failed",
        "message": "the script answered 422: too blurred",
    }


async def test_a_scripts_headers_do_not_replace_the_triggers_own(scorer_of, results):
    body = (
        b"AMLResponse('x', 503, {'x-request-id': 'forged', 'Connection': 'close', 'x-cache': 'y'})"
    )
    response = await HttpHandler(scorer_of(ANSWERS), results).score(asking(body, x_request_id="r"))
    assert response.status_code == 503
    assert response.headers["x-request-id"] == "r"
    assert response.headers["x-cache"] == "bypass"
    assert response.headers["x-ms-run-function-failed"] == "true"
    assert "connection" not in response.headers
    assert response.headers["content-type"] == "text/html; charset=utf-8"


async def test_an_id_that_names_other_query_arguments_is_refused(scorer_of, results):
    handler = HttpHandler(scorer_of(SEES), results, queue=InputQueue().of(results))
    for query, status in (("q=1", 202), ("q=1", 202), ("q=2", 409)):
        request = asking(b"", f"score?{query}", prefer="respond-async", x_request_id="r")
        assert (await handler.score(request)).status_code == status


@pytest.fixture
def storage(azurite):
    with storage_of(azurite) as account:
        yield account


async def test_a_blob_of_any_type_reaches_the_script_with_its_metadata_as_headers(
    scorer_of, results, storage
):
    blob = storage.source.upload_blob(
        "a/cat.png",
        b"bytes",
        metadata={"Own": "o"},
        content_settings=ContentSettings(content_type="image/png"),
    )
    document = json.loads(
        await parts(scorer_of(SEES), results, storage).handler.score(blob, storage.output)
    )
    assert document["status"] == "succeeded"
    scored = storage.output.download_blob("a/cat.png")
    assert scored.properties.content_settings.content_type == "application/json"
    *seen, headers = json.loads(scored.readall())
    assert seen == ["POST", "bytes", "image/png", {}]
    etag = blob.get_blob_properties().etag
    name = f"{storage.source.container_name}/a/cat.png"
    assert headers == {"x-blob-name": name, "x-blob-etag": etag, "x-ms-meta-own": "o"}


async def test_a_blobs_output_has_the_bytes_and_type_that_the_script_answered(
    scorer_of, results, storage
):
    blob = storage.source.upload_blob("cat", PICTURE)
    await parts(scorer_of(ANSWERS), results, storage).handler.score(blob, storage.output)
    scored = storage.output.download_blob("cat")
    assert scored.readall() == b"\xff\xd8"
    assert scored.properties.content_settings.content_type == "image/jpeg"


async def test_a_blob_that_a_script_refuses_fails_with_what_it_said(scorer_of, results, storage):
    blob = storage.source.upload_blob("cat", b"AMLResponse('too blurred', 422)")
    document = json.loads(
        await parts(scorer_of(ANSWERS), results, storage).handler.score(blob, storage.output)
    )
    assert document["status"] == "failed"
    assert document["error"]["message"] == "the script answered 422: too blurred"
    assert not storage.output.get_blob_client("cat").exists()
