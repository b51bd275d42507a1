import json
import time

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from inference.errors import CallerError, MalformedInput
from inference.limits import Limits
from inference.rows import coercion, formats, media_types
from inference.rows.formats import json_document, json_outline
from inference.rows.formats.gathering import gather
from inference.rows.formats.json_outline import Outline
from inference.rows.schema import TEXTS, Schema
from inference.rows.typed_rows import TypedRows
from tests.schemas import frame

LIMITS = Limits(10**8, 10**5)
#: Texts whose brackets, commas, quotes and backslashes have no meaning.
texts = st.text(alphabet='a,"\\[]{}: é\n', max_size=6)
cells = st.none() | st.booleans() | st.integers(-99, 2**64 - 1) | st.floats(-9, 9) | texts
values = st.recursive(
    cells,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=12,
)
damage = st.tuples(
    st.integers(0, 300),
    st.integers(0, 1),
    st.sampled_from([b",", b"[", b"]", b"{", b"}", b'"', b"\\", b" ", b""]),
)


@pytest.fixture(params=[3, 8, 33], ids=lambda size: f"{size} bytes at a time")
def piece_bytes(request, monkeypatch):
    monkeypatch.setattr(json_outline, "_SHORT_BYTES", 2)
    monkeypatch.setattr(json_outline, "PIECE_BYTES", request.param)


def damaged(body: bytes, changes: list[tuple[int, int, bytes]]) -> bytes:
    for at, length, put in changes:
        start = at % len(body)
        body = body[:start] + put + body[start + length :]
    return body


def whole(body: bytes) -> object:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def in_pieces(body: bytes) -> object:
    outline = Outline(body, "the body")
    try:
        if outline.kind() != b"[":
            return None
        span = outline.value()
        outline.end()
        found = [element for piece in outline.elements(span) for element in piece]
    except MalformedInput:
        return None
    assert len(found) == span.length
    return found


@pytest.mark.usefixtures("piece_bytes")
@given(
    items=st.lists(values, max_size=6),
    indent=st.sampled_from([None, 1]),
    ascii_only=st.booleans(),
    changes=st.lists(damage, max_size=2),
)
@example(items=["\\", '"'], indent=None, ascii_only=True, changes=[])
@settings(max_examples=400, deadline=None)
def test_a_list_read_in_pieces_is_the_list_read_whole(items, indent, ascii_only, changes):
    body = json.dumps(items, indent=indent, ensure_ascii=ascii_only).encode()
    body = damaged(body, changes)
    expected = whole(body)
    if expected is None or isinstance(expected, list):
        assert in_pieces(body) == expected


documents = (
    st.lists(values, max_size=5)
    | st.lists(st.lists(st.integers(-9, 9), min_size=2, max_size=2), max_size=6)
    | st.lists(st.dictionaries(st.sampled_from("ab"), cells, min_size=2), max_size=6)
    | st.lists(texts, max_size=6)
)
SCHEMAS = [
    Schema(),
    Schema(features=2, names=("a", "b"), allows_missing=True),
    frame(("a", "b"), ("text", "number")),
    TEXTS,
]


def outcome(read) -> object:
    try:
        rows = read().require_valid()
    except CallerError:  # with two errors, reading in parts may find the other one
        return "refused"
    dtype = "typed" if isinstance(rows, TypedRows) else rows.dtype
    return dtype, rows.shape, [[str(cell) for cell in row] for row in rows.tolist()]


@pytest.mark.usefixtures("piece_bytes")
@pytest.mark.parametrize("schema", SCHEMAS)
@given(
    data=documents,
    name=st.sampled_from(["", "data", "instances", "inputs", "other"]),
    columns=st.sampled_from([None, ["b", "a"], ["a"], 5]),
    changes=st.lists(damage, max_size=1),
)
@example(data=[[], [False, False]], name="", columns=None, changes=[])
@example(data=[[], [False]], name="", columns=None, changes=[])
@settings(max_examples=200, deadline=None)
def test_rows_read_in_parts_are_the_rows_read_whole(schema, data, name, columns, changes):
    document = {name: data} | ({} if columns is None else {"columns": columns}) if name else data
    body = damaged(orjson.dumps(document), changes)

    def at_once():
        found = json_document.decode_cells(body, schema)
        return coercion.coerce_rows(found, schema, text=False)

    def apart():
        found = json_document.JsonDocument(body, schema, LIMITS, "the body")
        return gather(found.parts(), schema)

    assert outcome(apart) == outcome(at_once)


def test_a_row_of_another_width_than_the_first_is_named_at_any_position():
    body = b"[" + b"[1,2]," * 100_000 + b"[1,2,3]]"
    with pytest.raises(CallerError, match=r"row 100000: expected a list of 2 values, got 3 values"):
        formats.decode(body, media_types.JSON, Schema(), limits=Limits(10**8, 10**6))


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"[[1],]", "no value behind it|not JSON"),
        (b"[[1]", "closing bracket"),
        (b"[[1]}", r"expected \]"),
        (b'{"data": [[1]]', "not JSON"),
        (b'{"data" [[1]]}', "expected : at byte 8"),
        (b"[[1]] x", "expected the end"),
    ],
)
def test_malformed_json_is_refused_with_its_position(body, says, monkeypatch):
    monkeypatch.setattr(json_outline, "PIECE_BYTES", 2)
    with pytest.raises(MalformedInput, match=says):
        formats.decode(body, media_types.JSON, Schema(), limits=LIMITS)


def test_thousands_of_short_lists_are_found_in_little_time() -> None:
    count = 40_000
    outline = Outline(
        b"[" + b",".join([b"[1]"] * count) + b"]" + b" " * json_outline.PIECE_BYTES, "the body"
    )
    began = time.process_time()
    found = [outline.value() for _ in outline.items()]
    assert [len(found), found[-1].length] == [count, 1]
    assert time.process_time() - began < 5
