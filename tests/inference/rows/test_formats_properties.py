"""What holds for any numbers in any format, and for any bytes under any content type.

Each rule is tried on a few hundred inputs in every run, those on numbers on many more under `long`.
Of bytes that are no numbers `tests/fuzz` and `tests/faults` try many more.
"""

from __future__ import annotations

import asyncio
import csv
import gzip
import io
import threading
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import azure.functions as func
import joblib
import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from backports import zstd
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.linear_model import LogisticRegression

from cache import keys
from cache.memory_cache import MemoryCache
from inference.limits import Limits
from inference.results.result_store import ResultStore
from inference.rows import decompression, formats, media_types
from inference.rows.formats import json_codec
from inference.rows.schema import Schema
from inference.serving.scorer import Scorer
from inference.settings import InferenceSettings
from tests import bodies
from triggers.http_trigger.score_blueprint import HttpHandler

FEW, MANY = settings(max_examples=200), settings(max_examples=2_000)
SHAPES = st.tuples(st.integers(1, 5), st.integers(1, 4))

Way = tuple[str, Callable[[np.ndarray, list[str]], bytes]]


def table(rows: np.ndarray, names: list[str]) -> pa.Table:
    return pa.table(dict(zip(names, rows.T, strict=True)))


def records(rows: np.ndarray, names: list[str]) -> list[dict[str, float]]:
    return [dict(zip(names, row, strict=True)) for row in rows.tolist()]


def lines(documents: Sequence[object]) -> bytes:
    return b"\n".join(map(orjson.dumps, documents))


def turned(rows: np.ndarray, names: list[str]) -> tuple[np.ndarray, list[str]]:
    """The same rows with their columns in another order."""
    return rows[:, ::-1], names[::-1]


WAYS: dict[str, Way] = {
    "rows": ("", lambda rows, _: orjson.dumps(rows.tolist())),
    "data": (media_types.JSON, lambda rows, _: orjson.dumps({"data": rows.tolist()})),
    "instances": ("text/json", lambda rows, _: orjson.dumps({"instances": rows.tolist()})),
    "inputs": ("text/plain", lambda rows, _: orjson.dumps({"inputs": rows.tolist()})),
    "records": (media_types.JSON, lambda rows, names: orjson.dumps(records(rows, names))),
    "split": (
        media_types.JSON,
        lambda rows, names: orjson.dumps({"columns": names[::-1], "data": rows[:, ::-1].tolist()}),
    ),
    "lines of rows": (media_types.JSON_LINES, lambda rows, _: lines(rows.tolist())),
    "lines of records": (
        "application/x-ndjson",
        lambda rows, names: lines(records(*turned(rows, names))),
    ),
    "CSV": ("text/csv; header=absent", lambda rows, _: bodies.as_csv(rows.tolist())),
    "CSV with a header": (
        "application/csv",
        lambda rows, names: bodies.as_csv([names[::-1], *rows[:, ::-1].tolist()]),
    ),
    "npy by row": (media_types.NPY, lambda rows, _: bodies.npy(np.ascontiguousarray(rows))),
    "npy by column": ("", lambda rows, _: bodies.npy(np.asfortranarray(rows))),
    "npy, swapped": (media_types.NPY, lambda rows, _: bodies.npy(rows.astype(">f8"))),
    "Parquet": (
        media_types.PARQUET,
        lambda rows, names: bodies.parquet(table(*turned(rows, names))),
    ),
    "Parquet, small pages": (
        "",
        lambda rows, names: bodies.parquet(
            table(rows, names), row_group_size=2, use_dictionary=False, data_page_version="2.0"
        ),
    ),
    "Arrow": (media_types.ARROW, lambda rows, names: bodies.arrow(table(*turned(rows, names)))),
    "Arrow, packed": (
        "",
        lambda rows, names: bodies.arrow(table(rows, names), compression="zstd", rows=2),
    ),
}
PACKED = {
    "": lambda body: body,
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "zstd": zstd.compress,
}


def decode(body: bytes, kind: str, schema: Schema) -> np.ndarray:
    return formats.decode(body, kind, schema, limits=Limits(10**8, 100)).numbers()


def check_way_in(rows: np.ndarray, missing: bool) -> None:
    names = [f"c{index}" for index in range(rows.shape[1])]
    schema = Schema(features=len(names), names=tuple(names), allows_missing=missing)
    for index, (name, (kind, write)) in enumerate(WAYS.items()):
        encoding, pack = list(PACKED.items())[index % len(PACKED)]
        packed = pack(write(rows, names))
        body = decompression.decompress_body(packed, encoding, limits=Limits(10**6, 9))
        read = decode(body, kind, schema)
        assert (read.dtype.str, read.shape) == (np.dtype(float).str, rows.shape), name
        # Bit for bit; of the many NaN there are, only that they are NaN.
        assert (
            np.where(np.isnan(read), 0, read).tobytes()
            == np.where(np.isnan(rows), 0, rows).tobytes()
        ), name
        assert (np.isnan(read) == np.isnan(rows)).all(), name


finite = hnp.arrays(np.float64, SHAPES, elements=st.floats(allow_nan=False, allow_infinity=False))
with_gaps = hnp.arrays(np.float64, SHAPES, elements=st.floats(allow_infinity=False))


@FEW
@given(rows=finite)
def test_any_finite_numbers_survive_every_way_in(rows):
    check_way_in(rows, missing=False)


@FEW
@given(rows=with_gaps)
def test_missing_cells_are_missing_in_every_format(rows):
    check_way_in(rows, missing=True)


@pytest.mark.long
@MANY
@given(rows=with_gaps)
def test_many_numbers_survive_every_way_in(rows):
    check_way_in(rows, missing=True)


NUMBERS = st.one_of(
    hnp.boolean_dtypes(),
    hnp.integer_dtypes(endianness="?"),
    hnp.unsigned_integer_dtypes(endianness="?"),
    hnp.floating_dtypes(endianness="?", sizes=(16, 32, 64)),
)
of_any_type = NUMBERS.flatmap(
    lambda dtype: hnp.arrays(
        dtype,
        SHAPES,
        elements=None
        if dtype.kind != "f"
        else st.floats(width=dtype.itemsize * 8, allow_nan=False, allow_infinity=False),
    )
)


def of_blob(body: bytes, kind: str, schema: Schema) -> np.ndarray:
    read = formats.open_table(kind, io.BytesIO(body), schema, Limits(10**8, 100))
    return np.concatenate([part.coerced.numbers() for part in read.parts()])


def check_types(rows: np.ndarray) -> None:
    names = [f"c{index}" for index in range(rows.shape[1])]
    schema = Schema(features=len(names))
    exact = rows.tolist()
    expected = rows.astype(float).tolist()
    ways = {
        "npy by row": (media_types.NPY, bodies.npy(np.ascontiguousarray(rows))),
        "npy by column": (media_types.NPY, bodies.npy(np.asfortranarray(rows))),
        "Parquet": ("", bodies.parquet(table(rows.astype(rows.dtype.newbyteorder("=")), names))),
        "Arrow": ("", bodies.arrow(table(rows.astype(rows.dtype.newbyteorder("=")), names))),
        "JSON": ("", orjson.dumps(exact)),
    }
    if rows.dtype.kind != "b":
        ways["CSV"] = (media_types.CSV, bodies.as_csv(exact))
    read = [decode(body, kind, schema) for kind, body in ways.values()]
    blobs = {"npy by row": media_types.NPY, "npy by column": media_types.NPY}
    blobs |= {"Parquet": media_types.PARQUET, "Arrow": media_types.ARROW}
    for way, form in blobs.items():
        ways[f"{way} as a blob"] = (form, ways[way][1])
    read += [of_blob(body, kind, schema) for kind, body in list(ways.values())[len(read) :]]
    for way, values in zip(ways, read, strict=True):
        assert values.tolist() == expected, way
        # Equal rows have equal bytes, whatever brought them: they share a place in the cache.
        assert (values.dtype, values.tobytes()) == (read[0].dtype, read[0].tobytes()), way
        assert values.flags.aligned, way
        assert values.dtype.isnative, way


@FEW
@given(rows=of_any_type)
def test_numbers_of_any_type_keep_their_values_in_every_format(rows):
    check_types(rows)


@pytest.mark.long
@MANY
@given(rows=of_any_type)
def test_many_numbers_of_any_type_keep_their_values(rows):
    check_types(rows)


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
answers = st.one_of(
    hnp.arrays(np.float64, hnp.array_shapes(max_dims=3, max_side=4)),
    hnp.arrays(np.int64, hnp.array_shapes(max_dims=2, max_side=4)),
    hnp.arrays(np.uint64, hnp.array_shapes(max_dims=2, max_side=4)),
    hnp.arrays(np.bool_, hnp.array_shapes(max_dims=2, max_side=4)),
    hnp.arrays(object, st.integers(1, 4), elements=texts),
    hnp.arrays(object, st.tuples(st.integers(1, 4), st.integers(1, 3)), elements=texts),
)


def without_infinity(value: object) -> object:
    if isinstance(value, list):
        return [without_infinity(item) for item in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value


def cells_of(body: bytes, plain: list[object]) -> list[object]:
    """CSV lines, each cell read as what stands in its place was."""
    _, *rows = csv.reader(io.StringIO(body.decode(), newline=""))
    return [
        [_read(cell, was) for cell, was in zip(row, each, strict=True)]
        if isinstance(each, list)
        else _read(row[0], each)
        for row, each in zip(rows, plain, strict=True)
    ]


def _read(cell: str, was: object) -> object:
    if isinstance(was, str):
        return cell
    return orjson.loads(cell) if cell else None


def check_way_out(values: np.ndarray) -> None:
    stored = json_codec.dumps(values)
    plain = without_infinity(values.tolist())
    assert orjson.loads(formats.encode(stored, media_types.JSON)) == plain
    told = formats.encode(stored, media_types.JSON_LINES).splitlines()
    assert [orjson.loads(line) for line in told] == plain
    assert cells_of(formats.encode(stored, media_types.CSV), plain) == plain
    array = np.load(io.BytesIO(formats.encode(stored, media_types.NPY)), allow_pickle=False)
    expected = np.where(np.isfinite(values), values, np.nan) if values.dtype.kind == "f" else values
    np.testing.assert_array_equal(array, expected)
    if values.dtype.kind in "fb":
        assert array.dtype == values.dtype
    table = pq.read_table(io.BytesIO(formats.encode(stored, media_types.PARQUET)))
    assert table["prediction"].to_pylist() == plain
    table = pa.ipc.open_stream(formats.encode(stored, media_types.ARROW)).read_all()
    assert table["prediction"].to_pylist() == plain


@FEW
@given(values=answers)
def test_any_answer_survives_every_way_out(values):
    check_way_out(values)


@pytest.mark.long
@MANY
@given(values=answers)
def test_many_answers_survive_every_way_out(values):
    check_way_out(values)


class HttpOverModel:
    """The HTTP trigger over a model of 64 numbers a row, which no random bytes are."""

    def __init__(self, folder: Path) -> None:
        rows = np.random.default_rng(0).random((100, 64))
        joblib.dump(LogisticRegression().fit(rows, rows[:, 0] > 0.5), folder / "model.joblib")
        self.rows = rows[:3]
        self.store = MemoryCache()
        given = InferenceSettings(
            model_dir=folder, allow_unpinned_model=True, max_body_bytes=1_000_000
        )
        self._scorer = Scorer(given, self.store, keys)
        self._handler = HttpHandler(
            self._scorer, ResultStore(self.store, keys.result_key, ttl_s=60)
        )
        self._runner = asyncio.Runner()

    def post(self, body: bytes, **headers: str) -> func.HttpResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = func.HttpRequest(
            method="POST", url="http://localhost/api/score", headers=named, body=body
        )
        return self._runner.run(self._handler.score(request))

    def require_unharmed(self) -> None:
        """Nothing was stored, nothing runs, and the next request is answered."""
        assert len(self.store) == 0
        assert [each.name for each in threading.enumerate()].count("model") <= 1
        good = orjson.dumps(self.rows.tolist())
        assert self.post(good, cache_control="no-cache").status_code == 200
        self.store._near.clear()

    def close(self) -> None:
        self._runner.run(self._scorer.close())
        self._runner.close()


@pytest.fixture(scope="module")
def handler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpOverModel]:
    opened = HttpOverModel(tmp_path_factory.mktemp("model"))
    yield opened
    opened.close()


kinds = st.one_of(
    st.sampled_from([*media_types.FORMATS, *media_types._ALIASES, *media_types._UNTOLD]),
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30),
)
magics = st.sampled_from([b"", *media_types._MAGIC, b"[[", b'{"data": [', b"\x1f\x8b\x08"])
rubbish = st.builds(bytes.__add__, magics, st.binary(max_size=300))


encodings = st.sampled_from(["", "", "", "gzip", "deflate", "br"])


@settings(max_examples=1_000)
@given(body=rubbish, kind=kinds, encoding=encodings)
def test_any_bytes_are_the_callers_fault_and_leave_nothing_behind(handler, body, kind, encoding):
    response = handler.post(body, content_type=kind, decompression=encoding)
    if response.get_body() == b"[]":  # blank lines are an input without rows
        assert response.status_code == 200
    else:
        assert 400 <= response.status_code < 500, (response.status_code, response.get_body())
    handler.require_unharmed()


Change = tuple[float, float, bytes]
changes = st.lists(
    st.tuples(st.floats(0, 1), st.floats(0, 0.1), st.binary(max_size=4)), min_size=1, max_size=4
)


@settings(max_examples=600)
@given(name=st.sampled_from(list(WAYS)), damage=changes)
def test_a_damaged_body_is_answered_or_the_callers_fault(handler, name, damage):
    kind, write = WAYS[name]
    body = write(handler.rows, [f"c{index}" for index in range(handler.rows.shape[1])])
    for place, length, put in damage:
        start = int(place * len(body))
        body = body[:start] + put + body[start + int(length * length * len(body)) :]
    response = handler.post(body, content_type=kind)
    if response.status_code == 200:  # a digit is another digit now, a row is gone
        assert len(orjson.loads(response.get_body())) <= len(handler.rows) + 1
        handler.store._near.clear()
    else:
        assert 400 <= response.status_code < 500, (response.status_code, response.get_body())
    handler.require_unharmed()
