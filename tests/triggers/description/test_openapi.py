"""The OpenAPI document is valid, and describes the app that serves it."""

import json

import pytest
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from cache import keys
from inference import errors
from inference.models import golden_rows
from inference.rows import media_types
from inference.serving.scorer import Scorer
from inference.settings import InferenceSettings
from tests.triggers.description import documented
from tests.triggers.http_trigger.test_score_blueprint import asking
from triggers.http_trigger.score_blueprint import HttpHandler
from triggers.statuses import OF_DOCUMENTS, STATUSES

ROUTES = {
    "/score": {"get", "post"},
    "/results/{id}": {"get"},
    "/health/live": {"get"},
    "/health/ready": {"get"},
    "/openapi.json": {"get"},
    "/swagger.json": {"get"},
    "/metrics": {"get"},
}


async def document(scorer, paths=None, **settings):
    response = await documented.asking(scorer, paths, **settings)("openapi.json")
    assert (response.status_code, response.mimetype) == (200, "application/json")
    return json.loads(response.get_body())


def body_of(told):
    return told["paths"]["/score"]["post"]["requestBody"]["content"]


def answer_of(told):
    return told["paths"]["/score"]["post"]["responses"]["200"]["content"]


def fits(value, schema, told):
    return OAS31Validator(schema | {"components": told["components"]}).is_valid(value)


def values(content):
    return [each["value"] for each in content.get("examples", {}).values()]


@pytest.mark.parametrize("kind", documented.KINDS)
async def test_the_document_is_valid_and_has_every_route(documented_scorer, kind):
    told = await document(await documented_scorer(kind))
    OpenAPIV31SpecValidator(told).validate()
    assert {path: set(item) & {"get", "post"} for path, item in told["paths"].items()} == ROUTES
    assert told["servers"] == [{"url": "/api"}]


# Of a list of several types, inference-schema tells the last one alone.
@pytest.mark.parametrize("kind", sorted({*documented.KINDS} - {"mixed"}))
async def test_every_example_is_what_its_schema_says_and_is_answered_as_documented(
    documented_scorer, results, kind
):
    scorer = await documented_scorer(kind)
    told = await document(scorer)
    answers = answer_of(told)
    questions = [
        (form, content, value)
        for form, content in body_of(told).items()
        for value in values(content)
    ]
    assert questions or kind in ("bare", "raw", "answer alone")
    handler = HttpHandler(scorer, results)
    for form, content, value in questions:
        assert fits(value, content["schema"], told)
        body = json.dumps(value).encode() if form == media_types.JSON else value.encode()
        for accept, answer in answers.items():
            response = await handler.score(asking(body, content_type=form, accept=accept))
            assert response.status_code == 200, response.get_body()
            if accept == media_types.JSON:
                given = json.loads(response.get_body())
                assert fits(given, answer.get("schema", {}), told)
                if kind not in documented.SCRIPTS:
                    assert golden_rows.agree(given, values(answer)[0], relative=1e-6, absolute=1e-9)


async def test_a_models_columns_and_classes_are_described(documented_scorer):
    told = await document(await documented_scorer("frame"))
    schemas = told["components"]["schemas"]
    assert schemas["Record"] == {
        "type": "object",
        "properties": {
            "age": {"type": ["number", "null"]},
            "city": {"type": ["string", "null"]},
            "member": {"type": ["boolean", "null"]},
        },
    }
    assert [cell["title"] for cell in schemas["Row"]["prefixItems"]] == ["age", "city", "member"]
    assert set(body_of(told)) == set(media_types.FORMATS) - {media_types.NPY}
    assert set(answer_of(told)) == set(media_types.FORMATS)
    assert set(body_of(told)["application/json"]["examples"]) == {
        "data", "instances", "inputs", "split", "records", "columns", "input_data",
        "dataframe_split", "dataframe_records",
    }  # fmt: skip
    told = await document(await documented_scorer("classifier"))
    answer = answer_of(told)["application/json"]["schema"]
    assert answer["items"]["enum"] == [0, 1]
    assert answer["properties"]["classes"] == {"const": [0, 1]}


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("classifier", [[1, 2]]),
        ("classifier", [[1, 2, None]]),
        ("classifier", {"rows": [[1, 2, 3]]}),
        ("classifier", {"data": [[1, 2, 3]], "instances": [[1, 2, 3]]}),
        ("regressor", {"columns": ["a", "b"], "data": [[1, 2]]}),
        ("regressor", [{"a": 1, "b": 2}]),
        ("frame", [{"age": "old", "city": None, "member": True}]),
        ("texts", [1]),
        ("texts", [{"text": 1}]),
        ("standard", {"b": "x"}),
    ],
)
async def test_the_app_refuses_what_the_schema_refuses(documented_scorer, results, kind, value):
    scorer = await documented_scorer(kind)
    told = await document(scorer)
    assert not fits(value, body_of(told)["application/json"]["schema"], told)
    response = await HttpHandler(scorer, results).score(asking(json.dumps(value).encode()))
    assert response.status_code in (400, 422)


async def test_the_error_table_is_the_documents(documented_scorer):
    told = await document(await documented_scorer("classifier"))
    responses = told["paths"]["/score"]["post"]["responses"]
    of_requests = {kind: STATUSES[kind] for kind in STATUSES if kind not in OF_DOCUMENTS}
    for kind, status in of_requests.items():
        assert kind.__doc__.partition("\n\n")[0] in responses[str(status)]["description"]
        example = responses[str(status)]["content"]["application/json"]["examples"][kind.code]
        assert example["value"]["error"]["code"] == kind.code
    of_the_trigger = {"200", "202", "401", "409", "429", "431"}
    assert set(responses) == of_the_trigger | {str(status) for status in of_requests.values()}
    assert errors.Overloaded.code in json.dumps(told["paths"]["/results/{id}"])


async def test_routes_that_the_settings_turn_off_are_not_described(documented_scorer):
    scorer = await documented_scorer("classifier")
    told = await document(scorer, TRIGGERS="http")
    names = [each["name"] for each in told["paths"]["/score"]["parameters"]]
    assert "Prefer" not in names
    assert not {"202", "409"} & set(told["paths"]["/score"]["post"]["responses"])
    told = await document(scorer, HTTP_AUTH_LEVEL="anonymous")
    assert "security" not in told
    assert "401" not in json.dumps(told)


async def test_a_scripts_own_responses_and_arguments_are_described(documented_scorer):
    for kind in ("bare", "raw"):
        told = await document(await documented_scorer(kind))
        assert set(body_of(told)) == {"*/*"}
        assert "default" in told["paths"]["/score"]["post"]["responses"]
    told = await document(await documented_scorer("standard"))
    arguments = told["paths"]["/score"]["get"]["parameters"]
    assert {each["name"]: each["required"] for each in arguments} == {"a": True, "b": False}


async def test_other_blueprints_add_their_paths(documented_scorer):
    own = {"get": {"operationId": "own", "responses": {"200": {"description": "ok"}}}}
    told = await document(await documented_scorer("classifier"), {"/v2": own})
    OpenAPIV31SpecValidator(told).validate()
    assert set(told["paths"]) == {*ROUTES, "/v2"}
    assert "401" in told["paths"]["/v2"]["get"]["responses"]


@pytest.mark.parametrize("state", ["loading", "failed"])
async def test_without_a_model_the_document_describes_the_rest(tmp_path, store, eventually, state):
    waits = tmp_path / "waits"
    waits.touch()
    script = (
        "import os, time\ndef init():\n    while os.path.exists({!r}): time.sleep(0.01)\n    1/0"
    )
    (tmp_path / "score.py").write_text(script.format(str(waits)) + "\ndef run(data): ...")
    if state == "failed":
        waits.unlink()
    settings = InferenceSettings.from_env({"AZUREML_MODEL_DIR": str(tmp_path)}, root=tmp_path)
    scorer = Scorer(settings, store, keys)
    eventually(lambda: scorer.state == state, 10)
    told = await document(scorer)
    OpenAPIV31SpecValidator(told).validate()
    assert set(told["paths"]) == set(ROUTES)
    assert set(body_of(told)) == {"*/*"}
    waits.unlink(missing_ok=True)
    await scorer.close()
