import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from inference.open_inference import outputs, tensors

DTYPES = {
    "BOOL": "?", "INT8": "i1", "INT16": "<i2", "INT32": "<i4", "INT64": "<i8", "UINT8": "u1",
    "UINT16": "<u2", "UINT32": "<u4", "UINT64": "<u8", "FP16": "<f2", "FP32": "<f4", "FP64": "<f8",
}  # fmt: skip
shapes = st.tuples(st.integers(1, 4)) | st.tuples(st.integers(1, 4), st.integers(0, 4))
numbers = st.sampled_from(sorted(DTYPES)).flatmap(
    lambda name: st.tuples(st.just(name), hnp.arrays(DTYPES[name], shapes))
)
texts = hnp.arrays(object, shapes, elements=st.text())


@given(numbers)
def test_every_number_survives_as_bytes(pair):
    datatype, array = pair
    kept = tensors.to_bytes(array)
    read = tensors.from_bytes(memoryview(kept), datatype, array.shape, "it")
    assert (read.dtype, read.shape) == (array.dtype, array.shape)
    assert read.tobytes() == array.tobytes()


@given(numbers)
def test_every_finite_number_survives_in_json_flat_or_nested(pair):
    datatype, array = pair
    array = np.nan_to_num(array, posinf=0, neginf=0)
    flat = orjson.dumps(tensors.to_json(array), option=orjson.OPT_SERIALIZE_NUMPY)
    for document in (flat, orjson.dumps(array.tolist())):
        read = tensors.from_json(orjson.loads(document), datatype, array.shape, "it")
        assert (read.dtype, read.shape) == (array.dtype, array.shape)
        assert np.array_equal(read, array)


@given(texts)
def test_every_text_survives_both_ways(array):
    kept = tensors.to_bytes(array)
    assert tensors.from_bytes(memoryview(kept), "BYTES", array.shape, "it").tolist() == (
        array.tolist()
    )
    document = orjson.loads(orjson.dumps(tensors.to_json(array)))
    assert tensors.from_json(document, "BYTES", array.shape, "it").tolist() == array.tolist()


def test_null_is_nan_among_floats_and_missing_among_texts_and_booleans():
    assert np.isnan(tensors.from_json([None], "FP32", [1], "it"))
    for datatype in ("BYTES", "BOOL"):
        assert tensors.from_json([[None]], datatype, [1, 1], "it").tolist() == [[None]]


@pytest.mark.parametrize(
    ("items", "datatype", "shape"),
    [
        ([True, False], "BOOL", [2]),
        ([1, -2], "INT64", [2]),
        ([1, 2**63], "UINT64", [2]),
        ([-1, 2**63], "FP64", [2]),
        ([1, 2.5], "FP64", [2]),
        ([[0.5, None]], "FP64", [1, 2]),
        (["a", ""], "BYTES", [2]),
        ([[[1, 2], [3, 4]]], "INT64", [1, 2, 2]),
        ([[], []], "FP64", [2, 0]),
    ],
)
def test_predictions_have_the_narrowest_datatype_that_holds_them(items, datatype, shape):
    tensor = outputs.tensor("predict", items)
    assert (tensor.datatype, tensor.shape) == (datatype, shape)
    flat = orjson.dumps(tensors.to_json(tensor.values), option=orjson.OPT_SERIALIZE_NUMPY)
    assert orjson.loads(flat) == np.array(items, object).ravel().tolist()
