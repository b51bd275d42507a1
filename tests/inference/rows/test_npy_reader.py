"""The usual header of a .npy array is read as NumPy reads it."""

import io
import re

import numpy as np
import pytest

from inference.errors import MalformedInput, UnfitInput
from inference.limits import Limits
from inference.rows import formats, media_types
from inference.rows.formats import npy_reader
from inference.rows.schema import Column, Schema, frame_schema

DTYPES = ["<f8", ">f8", "<f4", "<f2", "<i8", "<u2", "|b1", "|i1", ">i4"]


def saved(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def read_by_numpy(body, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(npy_reader, "_USUAL_HEADER", re.compile(b"(?!)"))
        return npy_reader.read_header(body)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(5,), (5, 3), (0, 3), (1, 1), (123456, 1)])
@pytest.mark.parametrize("order", ["C", "F"])
def test_a_usual_header_is_read_as_numpy_reads_it(dtype, shape, order, monkeypatch):
    body = saved(np.zeros(shape, dtype, order=order))
    assert npy_reader._USUAL_HEADER.match(body)
    assert npy_reader.read_header(body) == read_by_numpy(body, monkeypatch)


@pytest.mark.parametrize(
    ("usual", "other"),
    [
        (b"(5, 3), }", b"(05, 3),}"),
        (b"(5, 3), }", b"(5, -3),}"),
        (b"(5, 3), }", b"(5, 3, ) "),
        (b"False", b"2    "),
        (b"'<f8'", b"'<f9'"),
        (b"v\0", b"w\0"),
        (b"'<f8'", b"'<f1'"),
        (b"'<f8'", b"'<b8'"),
        (b"'<f8'", b"'|b2'"),
    ],
)
def test_another_header_is_left_to_numpy(usual, other, monkeypatch):
    body = saved(np.zeros((5, 3))).replace(usual, other)
    try:
        expected = read_by_numpy(body, monkeypatch)
    except MalformedInput as error:
        with pytest.raises(MalformedInput, match=re.escape(str(error))):
            npy_reader.read_header(body)
    else:
        assert npy_reader.read_header(body) == expected


@pytest.mark.parametrize(
    "schema", [Schema(features=1), frame_schema([Column("a", "number")])], ids=["array", "frame"]
)
def test_a_flat_array_is_refused_with_how_to_make_rows_of_it(schema):
    flat = np.array([1.0, 2.0])
    with pytest.raises(UnfitInput, match=r"rows\.reshape\(-1, 1\) makes each one a row"):
        formats.decode(saved(flat), media_types.NPY, schema, limits=Limits(10**4, 10))
    found = formats.decode(
        saved(flat.reshape(-1, 1)), media_types.NPY, schema, limits=Limits(10**4, 10)
    )
    assert len(found.require_valid()) == 2
