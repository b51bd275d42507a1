"""Whether the first line of a CSV is its header: a table of lines, one for each rule."""

import io
from dataclasses import replace

import pytest

from inference.errors import UnfitInput
from inference.rows.formats.csv_reader import CsvReader
from inference.rows.schema import TEXTS, Column, Schema, frame_schema
from inference.rows.text_options import TextOptions

ABC = Schema(features=3, names=("a", "b", "c"))
YEARS = Schema(features=3, names=("age", "2020", "2021"))
NAMELESS = Schema(features=3)
PEOPLE = frame_schema(
    [
        Column("age", "integer"),
        Column("income", "number"),
        Column("member", "boolean"),
        Column("city", "category", categories=("Berlin", "Paris")),
        Column("note", "text"),
    ]
)
ALL_TEXT = frame_schema([Column("note", "text"), Column("zip", "text")])
REVIEWS = replace(TEXTS, names=("review",))


def read(text: str, schema: Schema, **options) -> CsvReader:
    return CsvReader(io.BytesIO(text.encode()), schema, TextOptions(**options))


HEADERS = [
    # With names: a line that holds any of them.
    (ABC, "a,b,c\n1,2,3\n", [0, 1, 2]),
    (ABC, "c,b,a\n1,2,3\n", [2, 1, 0]),
    (ABC, "id,c,b,a,id\n9,1,2,3,9\n", [3, 2, 1]),
    (ABC, ",a,b,c\n0,1,2,3\n", [1, 2, 3]),
    (ABC, '"a","b","c"\r\n1,2,3\r\n', [0, 1, 2]),
    (ABC, "\ufeffa,b,c\n1,2,3\n", [0, 1, 2]),
    (ABC, "\n\na,b,c\n1,2,3\n", [0, 1, 2]),
    (ABC, "a,b,c", [0, 1, 2]),
    (YEARS, "2021,2020,age\n3,2,1\n", [2, 1, 0]),
    (PEOPLE, "note,city,member,income,age\n", [4, 3, 2, 1, 0]),
    (ALL_TEXT, "note,zip\nrefund,02134\n", [0, 1]),
    (Schema(features=3, names=("0", "1", "2")), "0,1,2\n4,5,6\n", [0, 1, 2]),
    # Without names: a line whose cells could all be names.
    (NAMELESS, "x,y,z\n1,2,3\n", None),
    (NAMELESS, ",x,y,z\n0,1,2,3\n", [1, 2, 3]),
    (NAMELESS, "width (cm),größe,_3\n1,2,3\n", None),
    # Texts: a line that holds `text`, or the name that training gave.
    (TEXTS, "text\ngood\n", [0]),
    (TEXTS, "id,text\n1,good\n", [1]),
    (REVIEWS, "text\ngood\n", [0]),
    (REVIEWS, "id,review,text\n1,good,x\n", [1]),
]


@pytest.mark.parametrize(("schema", "text", "order"), HEADERS)
def test_a_first_line_that_names_columns_is_the_header(schema, text, order):
    reader = read(text, schema)
    assert reader.header is not None
    assert reader.header.order == order


ROWS = [
    (ABC, "1,2,3\n4,5,6\n"),
    (ABC, "1,,NA\n"),
    (ABC, "1,2\n"),
    (PEOPLE, "30,1.5,true,Berlin,hello\n"),
    (PEOPLE, "30,NA,,Rome,\n"),
    (PEOPLE, "NA,NA,NA,Paris,NA\n"),
    (NAMELESS, "1,2,3\n"),
    (NAMELESS, "NA,NA,NA\n1,2,3\n"),
    (NAMELESS, "TRUE,FALSE,TRUE\n1,2,3\n"),
    (NAMELESS, '"1.234,5","2.000,1","3,0"\n1,2,3\n'),
    (NAMELESS, "x,,y\n"),
    (NAMELESS, "$5,x,y\n"),
    (NAMELESS, "-€ .5,x,y\n"),
    (NAMELESS, "x,-inf,y\n"),
    (NAMELESS, "x,null,y\n"),
    (NAMELESS, "0,1,2"),
    (Schema(features=2), "0,1\n1,0\n"),
    (TEXTS, "good\n"),
    (TEXTS, "so good\nbad\n"),
    (REVIEWS, "so good\nbad\n"),
    (TEXTS, "0\n1\n"),
]


@pytest.mark.parametrize(("schema", "text"), ROWS)
def test_a_first_line_of_values_is_a_row(schema, text):
    reader = read(text, schema)
    assert reader.header is None
    lines = [line for part in reader.parts() for line in part.lines]
    assert lines == text.encode().splitlines()


REFUSED = [
    # None of the names, and a cell that is no value of its column.
    (PEOPLE, "Age,Income,Member,City,Note\n", ["'age', 'income'", "'Age' as 'age'", "header="]),
    (PEOPLE, "30,rich,true,Berlin,x\n", ["'rich' as 'income'", "header="]),
    (PEOPLE, "3.5,1,true,Berlin,x\n", ["'3.5' as 'age'"]),
    # No value that shows that it is a row.
    (PEOPLE, "NA,NA,NA,Rome,hello\n", ["no value of a column that is not text", "header="]),
    (ALL_TEXT, "refund,02134\n", ["no value of a column that is not text"]),
    (ABC, ",,\n1,2,3\n", ["no value", "header="]),
    # Numbers where names look like numbers.
    (YEARS, "1,2,3\n4,5,6\n", ["'age', '2020', '2021'", "may be other names", "header="]),
    # The numbers of columns, as pandas writes them.
    (NAMELESS, "0,1,2\n4,5,6\n", ["numbers of columns", "header="]),
    (NAMELESS, ",0,1,2\n0,4,5,6\n", ["numbers of columns", "header="]),
    (ABC, "0,1,2\n4,5,6\n", ["numbers of columns", "header="]),
    # A name that misses, or is there twice.
    (ABC, "a,b\n1,2\n", ["column 'c': expected present, got missing"]),
    (ABC, "a,b,c,a\n1,2,3,9\n", ["column 'a': expected once, got twice"]),
    (NAMELESS, "x,y,x\n1,2,3\n", ["column 'x': expected once, got twice"]),
    (NAMELESS, "x,y\n1,2\n", ["the header: expected 3 columns, got 2"]),
    # One word above texts.
    (TEXTS, "good\nbad\n", ["'good', which may be a text or another name", "header=absent"]),
    (REVIEWS, "comment\nso good\n", ["'comment', which may be", "call the column 'text'"]),
    (TEXTS, "id,comment\n1,so good\n", ["'id', which may be"]),
    # Another delimiter.
    (ABC, "a;b;c\n1;2;3\n", ["';' is the delimiter", 'delimiter=";"', "decimal point"]),
    (NAMELESS, "1,5;2,0;3,1\n", ["';' is the delimiter", "decimal point"]),
    (ABC, "a\tb\tc\n", ['delimiter="tab"']),
]


@pytest.mark.parametrize(("schema", "text", "said"), REFUSED)
def test_a_first_line_that_could_mean_either_is_refused_with_what_to_say(schema, text, said):
    with pytest.raises(UnfitInput) as refusal:
        read(text, schema)
    for part in said:
        assert part in str(refusal.value)


@pytest.mark.parametrize(
    ("schema", "text"),
    [(NAMELESS, "0,1,2\n4,5,6\n"), (NAMELESS, "1,,3\n"), (TEXTS, "text\nbad\n"), (ABC, "a,b,c\n")],
)
def test_the_content_type_decides(schema, text):
    assert read(text, schema, header=True).header is not None
    assert read(text, schema, header=False).header is None


def test_texts_of_one_word_are_rows_where_the_content_type_says_so():
    parts = read("good\nbad\n", TEXTS, header=False).parts()
    assert [line for part in parts for line in part.lines] == [b"good", b"bad"]


def test_a_header_by_content_type_must_name_the_features():
    with pytest.raises(UnfitInput, match="column 'a': expected present"):
        read("x,y,z\n1,2,3\n", ABC, header=True)


@pytest.mark.parametrize("line", ["sep=;\n", "sep=;\r\n", '"sep=;"\n', "\ufeffSEP=;\n"])
def test_a_line_names_the_delimiter_and_is_skipped(line):
    reader = read(line + "c;b;a\n1;2;3\n", ABC)
    assert (reader.delimiter, reader.header and reader.header.order) == (";", [2, 1, 0])


def test_the_content_types_delimiter_counts_before_the_line():
    reader = read("sep=,\nc|b|a\n", ABC, delimiter="|")
    assert reader.delimiter == "|"
    assert reader.header is not None
