"""`swagger.json`, beside what azureml-inference-server-http 1.5.1 serves for the same scripts."""

import json

import pytest
from openapi_spec_validator import (
    OpenAPIV2SpecValidator,
    OpenAPIV30SpecValidator,
    OpenAPIV31SpecValidator,
)

from tests.triggers.description import documented

VALIDATORS = {
    "2": OpenAPIV2SpecValidator,
    "3": OpenAPIV30SpecValidator,
    "3.1": OpenAPIV31SpecValidator,
}
OPERATIONS = {"RunMLService", "ServiceHealthCheck", "GetSwaggerSpec"}
NOTHING = {"type": "object", "example": {}}
#: As the real server answered, run with these scripts.
PEER = {
    "bare": (NOTHING, NOTHING),
    "raw": (NOTHING, NOTHING),
    "numpy": (
        {
            "type": "object",
            "properties": {
                "data": {
                    "type": "array",
                    "items": {"type": "array", "items": {"type": "number", "format": "double"}},
                    "format": "numpy.ndarray",
                }
            },
            "example": {"data": [[1.0, 2.0]]},
        },
        {
            "type": "array",
            "items": {"type": "number", "format": "double"},
            "example": [3.0],
            "format": "numpy.ndarray",
        },
    ),
    "answer alone": (
        {"type": "object"},
        {"type": "integer", "format": "int64", "example": 1},
    ),
    "standard": (
        {
            "type": "object",
            "properties": {
                "a": {"type": "integer", "format": "int64"},
                "request_headers": {},
                "b": {"type": "string"},
            },
            "example": {"a": 1, "request_headers": "", "b": "x"},
        },
        {
            "type": "object",
            "required": ["a", "b"],
            "properties": {
                "a": {"type": "integer", "format": "int64"},
                "b": {"type": "string"},
            },
            "example": {"a": 1, "b": "x"},
        },
    ),
}


async def fetch(scorer, query="", **settings):
    response = await documented.asking(scorer, **settings)(f"swagger.json{query}")
    return response.status_code, json.loads(response.get_body())


def schemas(told):
    return told["definitions"] if "swagger" in told else told["components"]["schemas"]


@pytest.mark.parametrize("version", VALIDATORS)
@pytest.mark.parametrize("kind", sorted({*documented.KINDS} - {"mixed"}))
async def test_the_document_is_valid_in_each_version(documented_scorer, kind, version):
    scorer = await documented_scorer(kind)
    for level in ("anonymous", "function"):
        status, told = await fetch(scorer, f"?version={version}", HTTP_AUTH_LEVEL=level)
        assert status == 200
        VALIDATORS[version](told).validate()
    named = {each["operationId"] for item in told["paths"].values() for each in item.values()}
    assert named == OPERATIONS


@pytest.mark.parametrize("kind", PEER)
async def test_a_script_is_described_as_by_azure_mls_own_server(documented_scorer, kind):
    scorer = await documented_scorer(kind)
    for version in VALIDATORS:
        _, told = await fetch(scorer, f"?version={version}")
        assert (schemas(told)["ServiceInput"], schemas(told)["ServiceOutput"]) == PEER[kind]


async def test_a_model_is_described_as_a_script_of_its_own_would_be(documented_scorer):
    _, told = await fetch(await documented_scorer("frame"))
    taken, answered = schemas(told)["ServiceInput"], schemas(told)["ServiceOutput"]
    assert taken["properties"]["data"]["items"]["properties"]["city"] == {
        "type": "string",
        "x-nullable": True,
    }
    assert taken["example"]["data"][0] == {"age": 31.0, "city": "Oslo", "member": True}
    assert len(answered["example"]) == len(taken["example"]["data"])
    _, told = await fetch(await documented_scorer("texts"))
    assert schemas(told)["ServiceInput"]["example"] == {"data": ["good, very good", "bad"]}


@pytest.mark.parametrize(
    ("query", "versions"),
    [
        ("", ("2.0", None)),
        ("?version=2", ("2.0", None)),
        ("?version=2.0", ("2.0", None)),
        ("?version=3", (None, "3.0.3")),
        ("?version=3.0", (None, "3.0.3")),
        ("?version=3.1", (None, "3.1.0")),
    ],
)
async def test_a_version_goes_by_its_names_and_2_is_the_default(documented_scorer, query, versions):
    status, told = await fetch(await documented_scorer("bare"), query)
    assert (status, told.get("swagger"), told.get("openapi")) == (200, *versions)


@pytest.mark.parametrize(
    ("kind", "query", "message"),
    [
        (
            "bare",
            "?version=4",
            "Swagger version [4] is not valid. Supported versions: [2, 3, 3.1].",
        ),
        ("bare", "?version=", "Swagger version [] is not valid. Supported versions: [2, 3, 3.1]."),
        (
            "mixed",
            "",
            (
                "Swagger version [2] is not supported for the scoring script. Supported swagger"
                " versions: [3, 3.1]."
            ),
        ),
    ],
)
async def test_another_version_is_refused_with_the_text_of_azure_mls_own_server(
    documented_scorer, kind, query, message
):
    status, told = await fetch(await documented_scorer(kind), query)
    error = {"code": "unknown_version", "message": message, "request_id": None}
    assert (status, told) == (404, {"error": error})
