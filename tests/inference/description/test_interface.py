"""What is said of a model is what its readers take: by JSON Schema, and by example."""

import pytest
from jsonschema import Draft202012Validator

from inference.description import examples, json_schema
from inference.limits import Limits
from inference.models.manifests import Golden
from inference.rows import formats, media_types
from inference.rows.schema import TEXTS, Schema
from tests.schemas import frame

LIMITS = Limits(body_bytes=10_000, rows=10)
NUMBERS = Schema(features=2)
NAMED = Schema(features=2, names=("a", "b"))
FRAME = frame(("a", "b"), ("number", "text"))

MODELS = {
    "numbers": (NUMBERS, Golden(rows=[[1, 2], [3, 4.5]], predictions=[0, 1])),
    "named": (NAMED, Golden(rows=[[1, 2], [3, 4.5]], predictions=[0, 1])),
    "frame": (FRAME, Golden(rows=[[1, "x"], [2, "y"]], predictions=[0, 1])),
    "texts": (TEXTS, Golden(rows=[["good"], ["bad"]], predictions=[1, 0])),
}
EACH = pytest.mark.parametrize(("schema", "golden"), MODELS.values(), ids=MODELS)


def validator(schema: Schema) -> Draft202012Validator:
    components = {"schemas": json_schema.components(schema)}
    return Draft202012Validator(json_schema.documents(schema) | {"components": components})


@EACH
@pytest.mark.parametrize("form", [media_types.JSON, *examples.TEXT_FORMATS])
def test_every_example_is_read_as_the_golden_rows(
    schema: Schema, golden: Golden, form: str
) -> None:
    bodies = examples.request_bodies(form, golden, schema)
    assert bodies
    for name, body in bodies.items():
        content = body.encode() if isinstance(body, str) else formats.json_codec.dumps(body)
        rows = formats.decode(content, form, schema, limits=LIMITS).require_valid()
        assert len(rows) == len(golden.rows), name


@EACH
def test_every_json_example_fits_the_json_schema(schema: Schema, golden: Golden) -> None:
    for name, body in examples.request_bodies(media_types.JSON, golden, schema).items():
        assert validator(schema).is_valid(body), name


@EACH
@pytest.mark.parametrize("body", [{}, {"data": [[]]}, [[1]], [[1, 2, 3]], 5])
def test_no_document_that_is_refused_fits_the_json_schema(
    schema: Schema, golden: Golden, body: object
) -> None:
    assert not validator(schema).is_valid(body)


def test_columns_that_pandas_numbered_fit_the_json_schema_as_they_are_read() -> None:
    body = {"columns": [0, 1], "data": [[1, 2]]}
    content = formats.json_codec.dumps(body)
    assert len(formats.decode(content, media_types.JSON, NUMBERS, limits=LIMITS).require_valid())
    assert validator(NUMBERS).is_valid(body)


def test_binary_formats_and_models_without_golden_rows_have_no_examples() -> None:
    assert examples.request_bodies(media_types.NPY, MODELS["numbers"][1], NUMBERS) == {}
    assert examples.request_bodies(media_types.JSON, Golden(), NUMBERS) == {}
