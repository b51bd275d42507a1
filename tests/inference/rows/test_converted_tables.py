"""Any table comes through every format with each cell as it was."""

import csv
import io
import json
import re

import orjson
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.limits import Limits
from inference.rows import formats
from inference.rows.formats.csv_picker import CellPicker
from inference.rows.formats.json_members import elements, members
from inference.rows.media_types import ARROW, CSV, JSON, JSON_LINES, PARQUET
from inference.rows.output_options import OutputOptions, parse_names
from inference.rows.schema import Column, frame_schema
from tests import scored_tables

SCHEMA = frame_schema([Column("x", "number", missing=True)])
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
OTHER = TEXT.filter(lambda name: name not in ("", "x"))
NAMES = st.lists(OTHER, unique=True, max_size=4)
TARGETS = [CSV, JSON_LINES, JSON, PARQUET, ARROW]
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**80), 2**80)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)


def convert(content_type: str, body: bytes, **options) -> bytes:
    """The output of a model that predicts 1."""
    output = OutputOptions(**options)
    limits = Limits(10**6, 10**4)
    table = formats.open_table(content_type, io.BytesIO(body), SCHEMA, limits, output=output)
    written = [table.write(part, [1] * len(part.coerced.values)) for part in table.parts()]
    return b"".join([*written, *table.end()])


@st.composite
def text_tables(draw) -> dict[str, list[str]]:
    count = draw(st.integers(1, 5))
    columns = {name: draw(st.lists(TEXT, min_size=count, max_size=count)) for name in draw(NAMES)}
    return {"x": [str(each) for each in range(count)]} | columns


@settings(max_examples=60, deadline=None)
@given(text_tables(), st.sampled_from(TARGETS))
def test_a_text_of_csv_is_the_same_text_everywhere(table, target):
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(table)
    writer.writerows(zip(*table.values(), strict=True))
    written = convert(CSV, out.getvalue().encode(), form=target)
    if target == CSV:
        names, *rows = csv.reader(io.StringIO(written.decode(), newline=""))
        found = {name: [row[at] for row in rows] for at, name in enumerate(names)}
        assert found.pop("x") == table["x"]
    else:
        found = scored_tables.read(target, written)
        assert found.pop("x") == [float(each) for each in table["x"]]
    for name, cells in table.items():
        assert name == "x" or found[name] == cells


@settings(max_examples=60, deadline=None)
@given(st.lists(st.dictionaries(OTHER, VALUES, max_size=4), max_size=4))
def test_a_value_of_json_is_the_same_value_in_json_and_parquet(records):
    records = [{"x": at, **record} for at, record in enumerate(records)]
    body = "".join(json.dumps(record) + "\n" for record in records).encode()
    document = json.loads(convert(JSON_LINES, body, form=JSON))
    assert document["data"] == records
    table = pq.read_table(io.BytesIO(convert(JSON_LINES, body, form=PARQUET)))
    assert table.num_rows == len(records)
    for name in {name for record in records for name in record} - {"x"}:
        cells = table[name].to_pylist()
        for record, cell in zip(records, cells, strict=True):
            value = record.get(name)
            assert cell == value or (isinstance(cell, str) and json.loads(cell) == value)


@settings(max_examples=100, deadline=None)
@given(st.lists(TEXT, min_size=1, max_size=5), st.sampled_from([",", ";", "\t"]), st.data())
def test_a_picked_cell_is_the_same_cell(cells, delimiter, data):
    out = io.StringIO()
    csv.writer(out, lineterminator="", delimiter=delimiter).writerow(cells)
    places = data.draw(st.lists(st.sampled_from(range(len(cells))), unique=True, min_size=1))
    picked = CellPicker(places, delimiter).pick(out.getvalue().encode())
    read = list(csv.reader(io.StringIO(picked.decode(), newline=""), delimiter=delimiter))
    assert (read or [[""]]) == [[cells[at] for at in places]]


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(TEXT, VALUES, max_size=5), st.sampled_from([None, 1]), st.booleans())
def test_members_and_elements_are_the_texts_of_the_values(value, indent, ascii_only):
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    assert {name: json.loads(each) for name, each in members(text).items()} == value
    text = json.dumps(list(value.values()), indent=indent, ensure_ascii=ascii_only)
    assert [json.loads(each) for each in elements(text)] == list(value.values())
    assert "".join(members(orjson.dumps({"a": 1.0, "b": 2}).decode()).values()) == "1.02"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", ()),
        ("[]", ()),
        (" id , name ", ("id", "name")),
        ('id, "last, first"', ("id", "last, first")),
        ('["a b", "stra\\u00dfe", ""]', ("a b", "straße", "")),
        ("a,,a", ("a",)),
    ],
)
def test_names_are_a_line_of_csv_or_a_list_of_json(text, names):
    assert parse_names(text) == names


@pytest.mark.parametrize("text", ["a\rb", "a\nb", "[1]", "[a"])
def test_what_is_neither_a_line_of_csv_nor_a_list_of_json_is_refused(text):
    with pytest.raises(ValueError, match=re.escape(text)):
        parse_names(text)
