"""The rows of JSON documents and JSON lines: the same over HTTP, in a message and in a blob."""

import io
import json
import math

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.errors import CallerError, MalformedInput, UnfitInput
from inference.limits import Limits
from inference.rows import formats, media_types
from inference.rows.coercion import json_cells
from inference.rows.formats import json_outline
from inference.rows.formats.json_keys import repeated_keys
from inference.rows.schema import TEXTS, Column, Schema, frame_schema
from inference.rows.typed_rows import concatenate
from tests.schemas import frame

LIMITS = Limits(10**8, 10**5)
ABC = frame(("a", "b", "c"), ("integer", "number", "number"))
GAPS = frame(("a", "b", "c"), ("integer", "number", "number"), missing=True)
ARRAY = Schema(features=3, names=("a", "b", "c"))
NAMELESS = Schema(features=3)
JSON, LINES = media_types.JSON, media_types.JSON_LINES


def table_of(body: bytes, form: str, schema: Schema) -> formats.Table:
    return formats.open_table(form, io.BytesIO(body), schema, LIMITS)


def both_ways(body: bytes, form: str, schema: Schema) -> list[list[object]]:
    """The rows in a blob; a body has the same, and the same first error. None: missing."""
    rows: list[list[object]] = []
    errors: list[str] = []
    for part in table_of(body, form, schema).parts():
        rows += [[same(cell) for cell in row] for row in part.coerced.values.tolist()]
        errors += [str(error) for _, error in sorted(part.coerced.errors.items())]
    if errors:
        assert refusal(body, form, schema) == errors[0]
    else:
        found = formats.decode(body, form, schema, limits=LIMITS).require_valid()
        assert [[same(cell) for cell in row] for row in found.tolist()] == rows
    return rows


def refusal(body: bytes, form: str, schema: Schema) -> str:
    with pytest.raises(CallerError) as refused:
        formats.decode(body, form, schema, limits=LIMITS).require_valid()
    return str(refused.value)


def same(cell: object) -> object:
    return None if isinstance(cell, float) and math.isnan(cell) else cell


def written(body: bytes, form: str, schema: Schema, answer: object = 7) -> bytes:
    table = table_of(body, form, schema)
    out = b"".join(table.write(part, [answer] * len(part.coerced.values)) for part in table.parts())
    return out + b"".join(table.end())


ROWS = [[1, 2.5, 3], [4, 5, 6.5]]
RECORDS = [{"b": 2.5, "a": 1, "c": 3, "x": "left over"}, {"c": 6.5, "b": 5, "a": 4}]
BY_COLUMN = {"c": [3, 6.5], "x": "left over", "a": [1, 4], "b": [2.5, 5]}
SPLIT = {"columns": ["c", "x", "a", "b"], "index": [0, 1], "data": [[3, 0, 1, 2.5], [6.5, 0, 4, 5]]}


@pytest.mark.parametrize("schema", [ABC, GAPS, ARRAY], ids=["frame", "with gaps", "array"])
@pytest.mark.parametrize("piece_bytes", [8, json_outline.PIECE_BYTES])
@pytest.mark.parametrize(
    "document",
    [
        ROWS,
        RECORDS,
        SPLIT,
        {"inputs": ROWS},
        {"inputs": RECORDS},
        {"inputs": BY_COLUMN},
        {"instances": ROWS},
        {"instances": RECORDS},
        {"input_data": ROWS},
        {"input_data": SPLIT, "params": {"x": [1]}},
        {"dataframe_split": SPLIT},
        {"dataframe_records": RECORDS},
        {"data": BY_COLUMN},
    ],
    ids=lambda document: json.dumps(document)[:30],
)
def test_every_shape_of_a_document_brings_the_same_rows(document, piece_bytes, schema, monkeypatch):
    monkeypatch.setattr(json_outline, "PIECE_BYTES", piece_bytes)
    assert both_ways(orjson.dumps(document), JSON, schema) == ROWS


@pytest.mark.parametrize("schema", [ABC, ARRAY])
@pytest.mark.parametrize(
    ("document", "says"),
    [
        ({"inputs": {"a": [1], "b": [2]}}, "column 'c': expected present, got missing"),
        ({"inputs": {"a": [1], "b": [2, 3], "c": [4]}}, "column 'b': expected 1 value, as column"),
        ({"inputs": {"a": [1], "b": 2, "c": [4]}}, "column 'b': expected a list of values, got 2"),
        ({"dataframe_split": {"columns": "abc", "data": [[1, 2, 3]]}}, "columns: expected a list"),
        ({"dataframe_split": {"columns": ["a"], "data": 5}}, "data: expected a list of rows"),
        (
            {"columns": ["a", "b", "c", "a"], "data": [[1, 2, 3, 9]]},
            "'a': expected once, got twice",
        ),
        ({"columns": ["a", "b"], "data": [[1, 2]]}, "column 'c': expected present, got missing"),
        ({"data": 5}, "data: expected a list of rows"),
        ({"rows": [[1, 2, 3]]}, "nothing under data, instances, inputs, input_data"),
    ],
)
def test_a_document_without_the_models_columns_is_refused(document, says, schema):
    body = orjson.dumps(document)
    with pytest.raises(UnfitInput, match=says):
        formats.decode(body, JSON, schema, limits=LIMITS).require_valid()
    with pytest.raises(UnfitInput, match=says):
        list(table_of(body, JSON, schema).parts())


@pytest.mark.parametrize(
    "document",
    [{"dataframe_records": {"data": []}}, {"inputs": {"a": [], "b": []}}, {"data": {"a": [1]}}],
)
def test_columns_of_a_model_without_names_are_as_many_as_its_features(document):
    body = orjson.dumps(document)
    with pytest.raises(UnfitInput, match="columns: expected 3, got"):
        formats.decode(body, JSON, NAMELESS, limits=LIMITS).require_valid()
    with pytest.raises(UnfitInput, match="columns: expected 3, got"):
        list(table_of(body, JSON, NAMELESS).parts())


@pytest.mark.parametrize("schema", [ABC, ARRAY])
@pytest.mark.parametrize(
    "record",
    [
        '{"a": 1, "b": 2, "c": 3, "a": 9}',
        '{"a": 1, "b": 2, "c": 3, "\\u0061": 9, "id": 123456789012345678901234567890}',
        '{"a" :1, "b": 2, "c": 3, "id": "12:30", "a": 1}',
    ],
)
def test_a_column_that_a_record_has_twice_is_that_rows_error(record, schema):
    good = '{"a": 1, "b": 2, "c": 3, "id": "\\":", "at": "12:30", "in": {"a": 1, "a": 1}}'
    for form, body in ((JSON, f"[{good}, {record}]"), (LINES, f"{good}\n{record}\n")):
        assert both_ways(body.encode(), form, schema) == [[1, 2, 3]]
        assert refusal(body.encode(), form, schema) == "row 1, column 'a': expected once, got twice"


def test_an_unknown_name_may_stand_twice():
    body = b'[{"a": 1, "b": 2, "c": 3, "x": 1, "x": 2}]'
    assert both_ways(body, JSON, ABC) == [[1, 2, 3]]


@pytest.mark.parametrize(
    "body", [b'{"data": [[1, 2, 3]], "data": [[4, 5, 6]]}', b'{"inputs": {"a": [1], "a": [2]}}']
)
def test_a_member_that_a_document_has_twice_is_refused(body):
    with pytest.raises(UnfitInput, match="once, got twice"):
        formats.decode(body, JSON, ARRAY, limits=LIMITS)


@pytest.mark.parametrize("long", [False, True])
@pytest.mark.parametrize(
    "members",
    ['"data":[[1,2]],"inputs":[[3,4]]', '"columns":["a","b"],"instances":[],"data":[[1,2]]'],
)
def test_a_document_with_rows_under_two_names_is_refused_with_both(members, long):
    space = " " * (json_outline.PIECE_BYTES if long else 0)
    both = "data and in(puts|stances)"
    with pytest.raises(UnfitInput, match=both):
        formats.decode(
            f"{{{members}{space}}}".encode(),
            "application/json",
            Schema(features=2),
            limits=Limits(10**8, 10),
        )


AB = frame(("a", "b"), ("number", "number"), missing=True)
TWO_READINGS = [
    ('{"data": [[1, 2]], "a": 1, "b": 2}', AB, "data and the model's column 'a'"),
    ('{"b": 2, "inputs": {"a": [3], "b": [4]}, "a": 1}', AB, "inputs and the model's column 'a'"),
    ('{"data": [], "a": 1, "b": 2}', Schema(features=2, names=("a", "b")), "data and"),
    ('{"text": "one", "instances": ["two"]}', TEXTS, "instances and the model's column 'text'"),
]


@pytest.mark.parametrize("long", [False, True])
@pytest.mark.parametrize(("document", "schema", "both"), TWO_READINGS)
def test_a_record_with_rows_under_another_name_is_refused_with_both(document, schema, both, long):
    space = " " * (json_outline.PIECE_BYTES if long else 0)
    assert both in refusal(f"{document[:-1]}{space}}}".encode(), JSON, schema)


@pytest.mark.parametrize(("line", "schema", "both"), TWO_READINGS)
def test_a_line_that_is_a_record_and_has_a_row_under_a_name_is_that_rows_error(line, schema, both):
    good = '{"a": 1, "b": 2}' if schema is not TEXTS else '{"text": "one"}'
    lines = f"{good}\n{line}\n{good}"
    found = formats.decode(lines.encode(), LINES, schema, limits=LIMITS)
    assert list(found.errors) == [1]
    assert both in str(found.errors[1])


def test_a_frame_of_columns_in_two_layouts_is_refused():
    body = b'{"inputs": {"columns": ["a", "b"], "data": [[1, 2]], "a": [3], "b": [4]}}'
    assert "data and the model's column 'a'" in refusal(body, JSON, AB)


def test_what_is_ignored_is_no_second_reading():
    body = b'{"data": [[1, 2]], "a": 1, "b": 2}'
    for form in (JSON, LINES):
        assert both_ways(body, form, AB.ignoring(["data"])) == [[1, 2]]
    assert both_ways(b'{"data": "note", "a": 1, "b": 2}', JSON, AB) == [[1, 2]]


def test_null_beside_the_rows_is_no_second_name():
    for body in (b'{"data":[[1,2]],"inputs":null}', b'{"data":null,"inputs":[[1,2]]}'):
        found = formats.decode(
            body, "application/json", Schema(features=2), limits=Limits(10**8, 10)
        )
        assert found.numbers().tolist() == [[1, 2]]


def test_a_line_with_rows_under_two_names_is_that_rows_error():
    body = b'{"data":[1,2]}\n{"data":[1,2],"inputs":[3,4]}\n{"inputs":[5,6]}'
    found = formats.decode(body, "application/jsonl", Schema(features=2), limits=Limits(10**8, 10))
    assert found.values.tolist() == [[1, 2], [5, 6]]
    assert "data and inputs" in str(found.errors[1])


def test_an_absent_key_is_a_missing_value_where_the_column_allows_it():
    lines = b'{"a": 1, "c": 3}\n{"b": 2, "c": null, "a": 4}\n{}\n'
    for form, body in ((LINES, lines), (JSON, b"[%b]" % b",".join(lines.splitlines()))):
        rows = both_ways(body, form, GAPS)
        assert rows == [[1, None, 3], [4, 2, None], [None, None, None]]
        found = formats.decode(body, form, ABC, limits=LIMITS)
        assert [str(found.errors[at]) for at in (0, 1, 2)] == [
            "row 0, column 'b': expected present, got missing",
            "row 1, column 'c': expected a number, got null",
            "row 2, column 'a': expected present, got missing",
        ]


@pytest.mark.parametrize("name", ["C", " c", "c "])
def test_a_name_in_another_spelling_is_no_missing_value(name):
    record = {"a": 1, "b": 2, name: 3}
    for form, body in ((JSON, [record]), (LINES, record)):
        says = f"column 'c': expected present, got {name!r}, which is another name"
        assert says in refusal(orjson.dumps(body), form, GAPS)
        ignoring = GAPS.ignoring([name])
        assert both_ways(orjson.dumps(body), form, ignoring) == [[1, 2, None]]


def test_records_keep_the_first_records_order_for_the_whole_input():
    first, then = b'{"x": 1, "y": 2, "z": 3}', b'{"z": 3, "extra": 0, "y": 2, "x": 1}'
    records = [first] * 1_500 + [then] * 1_500
    assert both_ways(b"\n".join(records), LINES, NAMELESS) == [[1, 2, 3]] * 3_000
    assert both_ways(b"[%b]" % b",".join(records), JSON, NAMELESS) == [[1, 2, 3]] * 3_000


WRAPPERS = frame(("a", "data", "inputs"), ("number",) * 3)


def test_a_record_may_have_columns_called_like_a_documents_members():
    record = b'{"a": 1, "data": 2, "inputs": 3}'
    assert both_ways(record + b"\n" + record, LINES, WRAPPERS) == [[1, 2, 3]] * 2
    assert both_ways(b"[%b]" % record, JSON, WRAPPERS) == [[1, 2, 3]]
    assert both_ways(record, JSON, WRAPPERS) == [[1, 2, 3]]
    assert both_ways(b'{"data": [[1, 2, 3]]}', JSON, WRAPPERS) == [[1, 2, 3]]


def test_a_line_is_a_list_a_record_or_has_a_row_under_a_name():
    body = b'[1, 2, 3]\n\n{"data": [1, 2, 3]}\r\n {"inputs": {"c": 3, "b": 2, "a": 1}} \n[1, 2]'
    assert both_ways(body, LINES, ABC) == [[1, 2, 3]] * 3


def test_texts_come_alone_as_records_and_under_names():
    body = b'"one"\n{"text": "two", "id": 1}\n{"data": "three"}\n["four"]\n5\n'
    assert both_ways(body, LINES, TEXTS) == [["one"], ["two"], ["three"], ["four"]]
    assert both_ways(b'{"inputs": {"text": ["one", "two"]}}', JSON, TEXTS) == [["one"], ["two"]]


def test_a_line_that_is_no_json_is_that_rows_error():
    body = b"[1, 2, 3]\n\n{oops\n[4, 5, 6]\n"
    found = formats.decode(body, LINES, NAMELESS, limits=LIMITS)
    assert found.values.tolist() == [[1, 2, 3], [4, 5, 6]]
    with pytest.raises(MalformedInput, match="line 3 is not JSON"):
        found.require_valid()


@pytest.mark.parametrize(
    ("cell", "type_", "value"),
    [
        ("3.0", "integer", 3),
        ("3", "number", 3.0),
        ("3.5", "integer", None),
        ('"3"', "integer", None),
        ("true", "integer", None),
        ("true", "number", None),
        ("1", "boolean", None),
        ("3", "text", None),
        ('"NA"', "text", "NA"),
        ('""', "text", ""),
        ('"nan"', "number", None),
        ("null", "number", None),
    ],
)
def test_a_cell_is_read_by_the_type_of_its_column_alone(cell, type_, value):
    schema = frame(("a",), (type_,))
    for form, body in (
        (JSON, f'[{{"a": {cell}}}]'),
        (JSON, f'{{"inputs": {{"a": [{cell}]}}}}'),
        (LINES, f'{{"a": {cell}}}\n'),
        (LINES, f"[{cell}]\n"),
    ):
        assert both_ways(body.encode(), form, schema) == ([] if value is None else [[value]])


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b'{"a":1,"b":2,"c":3,"id":12345678901234567890123}', b',"prediction":7}'),
        (b'{ "a": 1e0, "b": 2.50, "c":3, "q": "\\u00e9\\"" }', b',"prediction":7}'),
        (b'{"a":1,"b":2,"c":3,"prediction":9}', b',"prediction_scored":7}'),
        (b'{"a":1,"b":2,"c":3,"\\u0070rediction":9}', b',"prediction_scored":7}'),
        (
            b'{"a":1,"b":2,"c":3,"prediction":9,"prediction_scored":9}',
            b',"prediction_scored_scored":7}',
        ),
        (b'{"a":1,"b":2,"c":3,"q":"prediction"}', b',"prediction":7}'),
    ],
)
def test_a_line_comes_back_byte_for_byte_before_the_prediction(line, expected):
    assert written(line + b"\r\n", LINES, ABC) == line[:-1].rstrip() + expected + b"\n"


def test_a_name_that_was_taken_stays_the_callers_in_the_lines_that_follow():
    first, then = b'{"a":1,"b":2,"c":3,"prediction":9}', b'{"a":1,"b":2,"c":3}'
    lines = written(first + b"\n" + then, LINES, ABC).splitlines()
    assert [list(orjson.loads(line))[-1] for line in lines] == ["prediction_scored"] * 2
    schema = frame(("prediction", "error"), ("number", "number"))
    lines = written(b'[1,2]\n{"prediction":1}', LINES, schema).splitlines()
    assert lines[0] == b'{"data":[1,2],"prediction_scored":7}'
    assert lines[1].startswith(b'{"prediction":1,"error_scored":"row 1, column')


def test_each_of_several_outputs_has_a_name():
    line = b'{"a":1,"b":2,"c":3}'
    expected = b'{"a":1,"b":2,"c":3,"prediction_0":1.5,"prediction_1":"x"}\n'
    assert written(line, LINES, ABC, [1.5, "x"]) == expected


def test_other_lines_come_back_under_data():
    out = written(b"[1.0,2,3]\n5\n{oops\n{}\n", LINES, ABC).splitlines()
    assert out[0] == b'{"data":[1.0,2,3],"prediction":7}'
    assert out[1].startswith(b'{"data":5,"error":"row 1: expected a list of 3 values')
    assert out[2].startswith(b'{"data":"{oops","error":"line 3 is not JSON')
    assert out[3].startswith(b'{"error":"row 3, column')


def test_a_document_comes_back_byte_for_byte_before_the_predictions():
    text = b' { "id" : 12345678901234567890123, "data": [[1.0,2,3],[1]] , "errors": "mine" } \n'
    assert written(text, JSON, ABC) == (
        b'{ "id" : 12345678901234567890123, "data": [[1.0,2,3],[1]] , "errors": "mine"'
        b',"predictions":[7,null],"errors_scored":{"1":"row 1: expected a list of 3 values, or an'
        b' object with their names, got 1 value"}}'
    )
    assert written(b"[[1,2,3.0]]\n", JSON, ABC) == b'{"data":[[1,2,3.0]],"predictions":[7]}'


COLUMNS = [
    Column("n", "number", missing=True),
    Column("i", "integer"),
    Column("o", "integer", missing=True, dtype="Int64"),
    Column("t", "text", missing=True),
    Column("b", "boolean", missing=True),
    Column("c", "category", missing=True, categories=("x", "y:z")),
    Column("d", "date", missing=True),
]
TYPED = frame_schema(COLUMNS)
typed_rows = st.lists(
    st.tuples(
        st.none() | st.floats(allow_nan=False, allow_infinity=False),
        st.integers(-(2**63), 2**63 - 1),
        st.none() | st.integers(-(2**63), 2**63 - 1),
        st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
        st.none() | st.booleans(),
        st.none() | st.sampled_from(["x", "y:z"]),
        st.none() | st.datetimes().map(lambda moment: moment.replace(microsecond=0).isoformat()),
    ),
    min_size=1,
    max_size=6,
)
NAMES = [column.name for column in COLUMNS]
WAYS = {
    "lists": (JSON, lambda rows: rows),
    "records": (JSON, lambda rows: [dict(zip(NAMES, row, strict=True)) for row in rows]),
    "split": (JSON, lambda rows: {"dataframe_split": {"columns": NAMES, "data": rows}}),
    "columns": (
        JSON,
        lambda rows: {"inputs": dict(zip(NAMES, zip(*rows, strict=True), strict=True))},
    ),
    "lines": (LINES, lambda rows: [dict(zip(NAMES, row, strict=True)) for row in rows]),
    "lines of lists": (LINES, lambda rows: rows),
}


@pytest.mark.parametrize("way", WAYS)
@given(rows=typed_rows, ascii_only=st.booleans(), piece=st.sampled_from([16, 2**17]))
@settings(max_examples=100, deadline=None)
def test_a_typed_table_survives_every_way_in(way, rows, ascii_only, piece):
    in_range = [row for row in rows if row[-1] is None or "1700" < row[-1] < "2200"]
    form, document_of = WAYS[way]
    document = document_of(in_range or [(1.5, 2, 3, "t", True, "x", None)])
    dump = lambda value: json.dumps(value, ensure_ascii=ascii_only)  # noqa: E731
    body = "\n".join(map(dump, document)) if form == LINES else dump(document)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_outline, "PIECE_BYTES", piece)
        found = formats.decode(body.encode(), form, TYPED, limits=LIMITS).typed()
        parts = list(table_of(body.encode(), form, TYPED).parts())
    expected = [list(row) for row in in_range] or [[1.5, 2, 3, "t", True, "x", None]]
    for rows_found in (found, concatenate([part.coerced.typed() for part in parts])):
        cells = [[same(cell) for cell in row] for row in json_cells(rows_found, TYPED)]
        assert [row[:-1] for row in cells] == [row[:-1] for row in expected]
        dates = [[cell and np.datetime64(cell) for cell in row[-1:]] for row in (*cells, *expected)]
        assert dates[: len(cells)] == dates[len(cells) :]


@given(
    lines=st.lists(
        st.lists(
            st.tuples(
                st.sampled_from(["a", "b", "c", "prediction", 'q"', "é"]),
                st.integers() | st.text(max_size=4) | st.lists(st.integers(), max_size=2),
            ),
            max_size=5,
        ),
        min_size=1,
        max_size=4,
    )
)
@settings(deadline=None)
def test_what_came_in_a_line_comes_back_in_it(lines):
    texts = [
        b"{%b}"
        % b", ".join(json.dumps(k).encode() + b":" + json.dumps(v).encode() for k, v in each)
        for each in lines
    ]
    out = written(b"\n".join(texts), LINES, GAPS).splitlines()
    for text, line in zip(texts, out, strict=True):
        assert line.startswith(text[:-1])
        came, now = orjson.loads(text), orjson.loads(line)
        assert {name: now[name] for name in came} == came
        assert len(now) == len(came) + 1


@given(
    records=st.lists(
        st.lists(st.tuples(st.sampled_from(['"', "a", ":", "b"]), st.text('":{} a', max_size=3)))
    )
)
def test_repeated_keys_are_those_of_a_reader_of_pairs(records):
    pairs = [
        b"{%b}" % b" , ".join(b"%b : %b" % (orjson.dumps(k), orjson.dumps(v)) for k, v in each)
        for each in records
    ]
    text = b"[%b]" % b",".join(pairs)
    expected = {
        at: sorted({k for k, _ in each if [name for name, _ in each].count(k) > 1})
        for at, each in enumerate(records)
    }
    found = {at: sorted(names) for at, names in repeated_keys(text, orjson.loads(text)).items()}
    assert found == {at: names for at, names in expected.items() if names}


@pytest.mark.parametrize("schema", [ABC, ARRAY, NAMELESS, Schema(), TEXTS])
@pytest.mark.parametrize(
    ("form", "body"),
    [
        (JSON, b"[]"),
        (JSON, b'{"data": []}'),
        (JSON, b'{"columns": ["a", "b", "c", "text"], "data": []}'),
        (LINES, b"\n \r\n"),
    ],
)
def test_an_input_without_rows_has_none(form, body, schema):
    found = formats.decode(body, form, schema, limits=LIMITS).require_valid()
    assert len(found) == 0
    if schema.features is not None:
        assert found.shape == (0, schema.features)
    assert both_ways(body, form, schema) == []


@pytest.mark.parametrize(
    ("schema", "names"),
    [(ABC, "abcx"), (ARRAY, "abcx"), (NAMELESS, "xyz"), (Schema(), "xy"), (TEXTS, ["text", "x"])],
)
def test_columns_without_values_have_no_rows(schema, names):
    body = orjson.dumps({"inputs": {name: [] for name in names}})
    assert len(formats.decode(body, JSON, schema, limits=LIMITS).require_valid()) == 0
    assert both_ways(body, JSON, schema) == []


def test_an_endless_line_is_refused_before_it_fills_memory():
    class Endless(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            return b"1" * size

    with pytest.raises(CallerError, match="a line is longer than"):
        list(formats.open_table(LINES, Endless(), NAMELESS, LIMITS).parts())
