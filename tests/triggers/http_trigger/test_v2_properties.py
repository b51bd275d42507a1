"""Nothing that is sent to the Open Inference Protocol causes a server error."""

import json

import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inference.errors import CallerError
from inference.limits import Limits
from inference.open_inference import columns, inference_request, tensors
from inference.rows.schema import TEXTS, Schema
from tests.schemas import frame
from tests.triggers.http_trigger.v2_requests import asking

NAMES = ("id", "inputs", "outputs", "parameters", "name", "datatype", "shape", "data",
         "binary_data", "binary_data_size", "binary_data_output", "predict")  # fmt: skip
atoms = st.one_of(
    st.none(), st.booleans(), st.integers(-9, 2**64 - 1), st.floats(allow_nan=False), st.text(),
    st.sampled_from(NAMES + tensors.DATATYPES),
)  # fmt: skip
documents = st.recursive(
    atoms,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=6)
    ),
    max_leaves=20,
)
sizes = st.integers(0, 4) | st.integers(0, 2**64 - 1)
elements = st.none() | st.booleans() | st.integers(-300, 2**64 - 1) | st.floats() | st.text()
#: Tensors that are nearly right, each with as many of its fields as chance leaves.
nearly = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["a", "b", "c", "text", "age"]),
        "datatype": st.sampled_from(tensors.DATATYPES),
        "shape": st.lists(sizes, min_size=1, max_size=2) | st.just([1, 3]) | st.just([3]),
        "data": st.lists(elements, min_size=3, max_size=3) | st.lists(st.lists(elements)),
        "parameters": st.just({}) | st.fixed_dictionaries({"binary_data_size": st.integers(0, 30)}),
    },
)
requests = st.builds(lambda them: {"inputs": them}, st.lists(nearly, max_size=3)) | documents
lengths = st.none() | st.integers(-2, 80).map(str) | st.text("0123456789-+ e٣", max_size=8)
SCHEMAS = (
    Schema(features=3),
    Schema(),
    Schema(features=2, names=("a", "b"), allows_missing=True),
    frame(("age", "a", "b"), ("number", "text", "boolean"), missing=True),
    frame(("age",), ("number",)),
    TEXTS,
)  # fmt: skip


@given(request=requests, length=lengths, follows=st.binary(max_size=40))
@settings(max_examples=500)
def test_any_body_is_rows_or_the_callers_error(request, length, follows):
    head = orjson.dumps(request)
    if length is None:
        length = str(len(head)) if follows else ""
    for schema in SCHEMAS:
        try:
            asked = inference_request.read(
                head + follows, length, output="predict", limits=Limits(10**6, 9)
            )
            values = columns.coerce(asked.inputs, schema).require_valid()
        except CallerError:
            continue
        assert 1 <= len(values) <= 9
        assert schema.features in (None, values.shape[1])


@given(body=st.binary(max_size=60) | requests.map(orjson.dumps), length=st.text(max_size=6))
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_no_body_or_header_causes_a_server_error(v2_handler, body, length):
    response = await v2_handler.infer(asking(body=body, inference_header_content_length=length))
    assert response.status_code == 200 or 400 <= response.status_code < 500
    assert json.loads(response.get_body())
