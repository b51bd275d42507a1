"""CSV: what is read is what pandas reads, and what came is written back."""

import csv
import io
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.errors import InputTooLarge, MalformedInput, UnfitInput
from inference.limits import MAX_ROW_CELLS, Limits
from inference.rows import coercion, formats, media_types, typed_rows
from inference.rows.formats import csv_lines, csv_numbers
from inference.rows.formats.csv_reader import CsvReader
from inference.rows.formats.csv_table import CsvTable
from inference.rows.schema import TEXTS, Column, Schema, frame_schema
from inference.rows.text_options import UNSAID, TextOptions

LIMITS = Limits(10**8, 10**5)
ABC = Schema(features=3, names=("a", "b", "c"))
NAMELESS = Schema(features=3)
INTEGERS = frame_schema([Column("a", "integer"), Column("b", "integer")])
NOTES = frame_schema([Column("note", "text"), Column("zip", "text")])


def decode(text: str, schema: Schema):
    return formats.decode(text.encode(), media_types.CSV, schema, limits=LIMITS)


def score(text: str, schema: Schema, predict=lambda row: row[0], options=UNSAID) -> str:
    """The output for a table whose predictions `predict` makes, part by part."""
    table = CsvTable(io.BytesIO(text.encode()), schema, options)
    out = b""
    for part in table.parts():
        out += table.write(part, [predict(row) for row in part.coerced.values.tolist()])
    return (out + b"".join(table.end())).decode()


def test_rows_and_quotes_and_long_ids_come_back_as_they_came():
    text = 'id,a,b,c\n"00123456789012345678901",1, 2,"3"\n "x",1.50,2e0,+3\n'
    assert score(text, ABC) == (
        "id,a,b,c,prediction,error\n"
        '"00123456789012345678901",1, 2,"3",1.0,\n'
        ' "x",1.50,2e0,+3,1.5,\n'
    )


def test_the_output_has_the_inputs_delimiter_and_line_ends():
    text = "sep=;\r\na;b;c\r\n1;2;3\r\n"
    expected = "sep=;\r\na;b;c;prediction;error\r\n1;2;3;x;\r\n"
    assert score(text, ABC, lambda _: "x") == expected
    assert score(text.replace("\r\n", "\r"), ABC, lambda _: "x") == expected.replace("\r\n", "\r")
    tabs = score("a\tb\tc\n1\t2\t3", ABC, lambda _: "x\ty", TextOptions(delimiter="\t"))
    assert tabs == 'a\tb\tc\tprediction\terror\n1\t2\t3\t"x\ty"\t\n'


def test_our_columns_never_replace_the_callers():
    schema = Schema(features=2, names=("prediction", "error"))
    text = "prediction,error,prediction_scored\n1,2,3\n"
    assert score(text, schema) == (
        "prediction,error,prediction_scored,prediction_scored_scored,error_scored\n1,2,3,1.0,\n"
    )


def test_several_outputs_are_a_column_each():
    text = "a,b,c\nx,2,3\n1,2,3\n"
    written = score(text, ABC, lambda _: [0.5, None, "x,y"])
    header, error, row = csv.reader(io.StringIO(written))
    assert header == ["a", "b", "c", "prediction_0", "prediction_1", "prediction_2", "error"]
    assert error[:6] == ["x", "2", "3", "", "", ""]
    assert "expected a number, got 'x'" in error[6]
    assert row == ["1", "2", "3", "0.5", "", "x,y", ""]


def test_errors_stand_in_their_column_in_a_row_of_another_width():
    table = pd.read_csv(io.StringIO(score("a,b,c\n1,2\n1,2,3\n", ABC)))
    assert table.prediction.tolist()[1] == 1.0
    assert "2 values under 3 columns" in table.error[0]


@pytest.mark.parametrize("row", ["1,2,3,4", "x,2,3,4", '"1",2,3,4'])
def test_rows_wider_than_the_header_are_wrong(row):
    rows = decode(f"a,b,c\n{row}\n{row}\n", ABC)
    assert not rows.kept.tolist()
    assert all("got 4 values under 3 columns" in str(error) for error in rows.errors.values())


def test_a_text_that_looks_like_a_missing_number_is_wrong():
    schema = frame_schema([Column("a", missing=True), Column("b")])
    rows = decode("a,b\n" + "NAN,1\nNA,1\n" * 9, schema)
    assert rows.kept.tolist() == list(range(1, 18, 2))


def test_rows_with_errors_before_the_first_prediction_are_in_the_output(monkeypatch):
    monkeypatch.setattr(csv_lines, "BLOCK_BYTES", 12)
    rows = ["x,2,3"] * 5 + ["1,2,3"] + ["y,2,3"] * 3
    written = score("a,b,c\n" + "\n".join(rows), ABC, lambda _: [1, 2])
    lines = list(csv.reader(io.StringIO(written)))
    assert [line[0] for line in lines] == ["a", *(row[0] for row in rows)]
    assert {len(line) for line in lines} == {6}


@pytest.mark.parametrize("text", ["a,b,c\n", "a,b,c", "c,b,a\r\n\r\n"])
def test_a_header_alone_is_a_table_without_rows(text):
    for schema in (ABC, frame_schema([Column(name) for name in "abc"])):
        values = decode(text, schema).require_valid()
        assert values.shape == (0, 3)
    header = text.split()[0]
    assert score(text, ABC).rstrip("\r\n") == f"{header},prediction,error"


def test_the_table_says_whether_it_has_a_header():
    for text, header in (("a,b,c\n1,2,3\n", "present"), ("1,2,3\n", "absent")):
        table = formats.open_table(media_types.CSV, io.BytesIO(text.encode()), ABC, LIMITS)
        assert table.header is None
        list(table.parts())
        assert table.header == header


def test_a_cell_may_be_as_long_as_a_row():
    document = "good " * 100_000
    assert decode(f"text\ngood\n{document}\n", TEXTS).typed().tolist() == [["good"], [document]]
    assert decode(f'"{document}"\n', TEXTS).typed().tolist() == [[document]]
    with pytest.raises(MalformedInput, match="longer than 4,194,304 bytes"):
        decode("text\n" + "x" * 5_000_000, TEXTS)
    with pytest.raises(MalformedInput, match="longer than 4,194,304 bytes"):
        decode('text\n"' + "x\n" * 2_500_000, TEXTS)
    with pytest.raises(MalformedInput, match="longer than 4,194,304 bytes"):
        decode('text\n"' + "x" * 5_000_000 + '"\n"short"\n', TEXTS)
    with pytest.raises(MalformedInput, match=f"more than {MAX_ROW_CELLS:,} cells"):
        decode("1" + ",1" * MAX_ROW_CELLS, Schema())


def test_a_quote_that_is_not_closed_is_refused_with_its_line():
    with pytest.raises(MalformedInput, match="a quote of line 3 is not closed"):
        decode('text\ngood\n"bad\nworse\n', TEXTS)


def test_blank_lines_are_skipped_and_counted():
    text = "\n\na,b,c\n\n1,2,3\n\r\n4,5,6\n\n"
    assert decode(text, ABC).numbers().tolist() == [[1, 2, 3], [4, 5, 6]]
    with pytest.raises(InputTooLarge, match="blank lines"):
        formats.decode(b"\n" * 20, media_types.CSV, ABC, limits=Limits(10**6, 10))


@pytest.mark.parametrize("size", [1, 7, 64, 10**6])
def test_blocks_may_end_anywhere(monkeypatch, size):
    monkeypatch.setattr(csv_lines, "BLOCK_BYTES", size)
    rows = [["a, b", 'say "x"', "1"], ["two\r\nlines\n", "é", "2"], ["", "z", "3"]] * 9
    out = io.StringIO(newline="")
    csv.writer(out).writerows([["note", "zip", "id"], *rows])
    schema = replace(NOTES, columns=tuple(replace(each, missing=True) for each in NOTES.columns))
    reader = CsvReader(io.BytesIO(out.getvalue().encode()), schema)
    parts = list(reader.parts())
    assert [row for part in parts for row in part.cells()] == rows
    lines = b"\r\n".join(line for part in parts for line in part.lines)
    assert reader.prefix + lines + b"\r\n" == out.getvalue().encode()


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_end_in_any_way(end):
    text = end.join(["a,b,c", "1,2,3", "4,5,6"])
    assert decode(text, ABC).numbers().tolist() == [[1, 2, 3], [4, 5, 6]]
    assert decode(text + end, ABC).numbers().tolist() == [[1, 2, 3], [4, 5, 6]]


def test_decimal_commas_are_refused_by_a_sentence_that_says_so():
    with pytest.raises(UnfitInput, match="decimal commas are not read"):
        score("a;b;c\n1,5;2;3\n", ABC, options=TextOptions(delimiter=";"))
    rows = decode('"1.234,5",2,3\n1,2,3\n', NAMELESS)
    assert rows.kept.tolist() == [1]
    assert "decimal commas are not read" in str(rows.errors[0])


#: Names of columns, the file, and what pandas must be told of it.
ORACLE = [
    (INTEGERS, "zip,b,a\nx,10115,30\ny,1067,-5\n", {"a": "int64", "b": "int64"}),
    (ABC, ",a,b,c\n0,1,2,3\n1,4,5,6\n", dict.fromkeys("abc", "float64")),
    (NOTES, "note,zip\nrefund,02134\nlate,00501\n", {"note": "object", "zip": "object"}),
    (
        frame_schema([Column("country", "text", missing=True), Column("x", "integer")]),
        "country,x\nNA,1\nDE,2\n,3\n",
        {"country": "object", "x": "int64"},
    ),
    (
        frame_schema(
            [Column("x", missing=True), Column("y", "integer", missing=True, dtype="Int64")]
        ),
        "x,y\n,1\n0.1,NA\n1e22,9007199254740993\n-1.7976931348623157e308,\n",
        {"x": "float64", "y": "Int64"},
    ),
    (
        frame_schema([Column("ok", "boolean"), Column("city", "category", categories=("a", "b"))]),
        'city,ok\n"b",True\na,False\n',
        {"ok": "bool", "city": "object"},
    ),
]


@pytest.mark.parametrize(("schema", "text", "dtypes"), ORACLE)
def test_cells_are_what_pandas_reads(schema, text, dtypes):
    frame = pd.read_csv(io.StringIO(text), dtype=dtypes)
    expected = frame[list(schema.names)].astype(object)
    expected = expected.where(expected.notna(), None).values.tolist()
    whole = decode(text, schema).require_valid()
    table = formats.open_table(media_types.CSV, io.BytesIO(text.encode()), schema, LIMITS)
    (part,) = table.parts()
    for values in (whole, part.coerced.require_valid()):
        if isinstance(values, np.ndarray):
            assert values.tolist() == expected
        else:
            assert coercion.json_cells(values, schema) == expected


CELLS = st.one_of(
    st.integers(-(2**65), 2**65).map(str),
    st.integers(-300, 300).map(str),
    st.floats().map(repr),
    st.sampled_from(
        (
            *("", "NA", " 1", "1 ", "+1", "1.", ".5", "01", "-0", "-0.0", "1e5", "1E400", "0x10"),
            *("1_0", "nan", "inf", "true", "null", "[1]", "1 2", "3.0", "1e-400", "é"),
            "9007199254740993",
        )
    ),
)
PLAIN_SCHEMAS = [
    Schema(features=2),
    Schema(features=2, allows_missing=True),
    Schema(features=2, dtype="float32"),
    Schema(features=2, dtype="int64"),
    Schema(features=2, dtype="uint8"),
    INTEGERS,
    frame_schema([Column("a", "integer", dtype="int8"), Column("b", missing=True)]),
    frame_schema([Column("a", "integer", missing=True), Column("b", "integer", dtype="uint64")]),
    frame_schema([Column("a", "integer", missing=True, dtype="float64"), Column("b")]),
    replace(Schema(features=2), na=("", "-1", "7")),
]


@settings(deadline=None)
@given(
    st.sampled_from(PLAIN_SCHEMAS),
    st.lists(st.lists(CELLS, min_size=2, max_size=2), min_size=1, max_size=12),
)
def test_numbers_read_at_once_are_those_read_cell_by_cell(schema, rows):
    exact = coercion.coerce_rows(rows, schema, text=True)
    lines = [",".join(row).encode() for row in rows]
    numbers = csv_numbers.read(lines, b",") if csv_numbers.may_read(schema) else None
    fast = None if numbers is None else csv_numbers.coerce(numbers, None, schema)
    if fast is None:
        return
    assert fast.kept.tolist() == exact.kept.tolist()
    assert {at: str(error) for at, error in fast.errors.items()} == {
        at: str(error) for at, error in exact.errors.items()
    }
    if isinstance(exact.values, typed_rows.TypedRows):
        for one, other in zip(fast.typed().columns, exact.typed().columns, strict=True):
            assert one.dtype == other.dtype
        assert fast.typed().tolist() == exact.typed().tolist()
    else:
        assert fast.values.dtype == exact.values.dtype
        assert fast.values.tolist() == exact.values.tolist()


def test_numbers_are_read_at_once():
    lines = [b"1,2.5", b"-3,4e2"]
    values = csv_numbers.read(lines, b",")
    assert values is not None
    assert values.tolist() == [[1, 2.5], [-3, 400]]
    for odd in ([b"1,2", b"3"], [b"1,", b"3,4"], [b"1,x"], [b"[1],2"]):
        assert csv_numbers.read(odd, b",") is None
