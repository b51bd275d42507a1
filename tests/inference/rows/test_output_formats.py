"""Output in another format than the input, and with some of its columns."""

import csv
import datetime as dt
import decimal
import io
import itertools

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.linear_model import LogisticRegression

from inference.errors import InputTooLarge, UnfitInput
from inference.limits import Limits
from inference.output_choice import PROBABILITIES
from inference.rows import formats, media_types
from inference.rows.formats.output_columns import OutputColumns
from inference.rows.media_types import ARROW, ARROW_FILE, CSV, JSON, JSON_LINES, NPY, PARQUET
from inference.rows.output_options import OutputOptions
from inference.rows.schema import Schema
from tests import scored_tables

X = np.random.default_rng(0).random((60, 2))
MODEL = LogisticRegression().fit(X, np.where(X.sum(axis=1) > 1, "yes", "no"))
SCHEMA = Schema(features=2)
LONG = "12345678901234567890123"
TABLE = {
    "id": [LONG, "007", 'a,"b"'],
    "a": [0.9, 0.1, 0.5],
    "b": [0.8, 0.2, None],
    "prediction": ["old", "older", ""],
}
NAMED = [form for form in media_types.FORMATS if form != NPY]
#: What a nameless model is not to read.
EXTRA = ("id", "prediction")


@pytest.fixture
def score():
    """`score(content_type, body, **options)`: the output. The model's columns have no names."""

    def run(content_type: str, body: bytes, **options) -> bytes:
        output = OutputOptions(**options)
        classes = MODEL.classes_.tolist() if output.output == PROBABILITIES else None
        table = formats.open_table(
            *(content_type, io.BytesIO(body), SCHEMA, Limits(10**7, 5000)),
            OutputColumns(classes=classes),
            output,
        )
        written = [table.write(part, predict(part, classes)) for part in table.parts()]
        return b"".join([*written, *table.end()])

    return run


def predict(part, classes):
    rows = part.coerced.values
    if not len(rows):
        return []
    labels = MODEL.predict(rows).tolist()
    if classes is None:
        return labels
    return list(zip(labels, MODEL.predict_proba(rows).tolist(), strict=True))


@pytest.mark.parametrize(("form", "target"), list(itertools.product(NAMED, media_types.FORMATS)))
def test_every_format_becomes_every_other_one(score, form, target):
    options = {"ignore": EXTRA, "output": PROBABILITIES, "form": target}
    written = score(form, scored_tables.write(form, TABLE), **options)
    columns = scored_tables.read(target, written)
    if target == CSV:
        assert LONG in written.decode()
    else:
        assert columns["id"] == TABLE["id"]
    assert columns["a"] == TABLE["a"]
    assert columns["b"] == TABLE["b"]
    assert columns["prediction" if target == JSON else "prediction_scored"] == ["yes", "no", None]
    assert columns["probability_yes"][0] == pytest.approx(MODEL.predict_proba([[0.9, 0.8]])[0, 1])
    assert columns["probability_no"][2] is None
    assert [bool(each) for each in columns["error"]] == [False, False, True]


@pytest.mark.parametrize("target", NAMED)
def test_an_array_becomes_numbered_columns(score, target):
    body = scored_tables.write(NPY, {"a": [0.9, 0.1], "b": [0.8, np.nan]})
    columns = scored_tables.read(target, score(NPY, body, form=target))
    assert columns["column_0"] == [0.9, 0.1]
    assert columns["prediction"] == ["yes", None]


@pytest.mark.parametrize(("form", "target"), list(itertools.product(NAMED, media_types.FORMATS)))
def test_columns_are_kept_and_dropped(score, form, target):
    body = scored_tables.write(form, TABLE)

    def names(**options) -> list[str]:
        written = score(form, body, form=target, ignore=EXTRA, **options)
        columns = scored_tables.read(target, written)
        return [name for name in columns if name not in ("prediction", "error")]

    assert names(keep=("b", "id")) == ["id", "b"]
    assert names(drop=("a", "prediction")) == ["id", "b"]
    assert names(keep=("a", "id"), drop=("b",)) == ["id", "a"]
    assert names(keep=()) == []


@pytest.mark.parametrize("form", NAMED)
@pytest.mark.parametrize("option", ["keep", "drop", "ignore"])
def test_a_name_that_the_input_lacks_is_refused(score, form, option):
    options = {"ignore": EXTRA} | {option: (*EXTRA, "typo")}
    for target in (form, PARQUET):
        with pytest.raises(UnfitInput, match="column 'typo'"):
            score(form, scored_tables.write(form, TABLE), form=target, **options)


@pytest.mark.parametrize(
    ("form", "body"),
    [
        (CSV, b"0.9,0.8\n"),
        (NPY, scored_tables.write(NPY, {"a": [0.9], "b": [0.8]})),
        (JSON_LINES, b"[0.9, 0.8]\n"),
        (JSON, b"[[0.9, 0.8]]"),
    ],
)
@pytest.mark.parametrize("option", ["keep", "drop"])
def test_columns_without_names_cant_be_chosen(score, form, body, option):
    with pytest.raises(UnfitInput, match=option):
        score(form, body, **{option: ("a",)})


def test_a_column_is_kept_or_dropped():
    with pytest.raises(UnfitInput, match="column 'a': expected kept or dropped, got both"):
        OutputOptions(keep=("a", "b"), drop=("a",))


def test_kept_cells_of_csv_have_their_own_bytes(score):
    body = b'id,a,"no, te",b\r\n007,0.9,"x ""y"", z",0.80\r\n" 1",0.1,,0.2,more\r\n2\r\n'
    written = score(CSV, body, ignore=("id", "no, te"), drop=("a",))
    lines = written.split(b"\r\n")
    assert lines[0] == b'id,"no, te",b,prediction,error'
    assert lines[1] == b'007,"x ""y"", z",0.80,yes,'
    assert lines[2].startswith(b'" 1",,0.2,,')
    assert lines[3].startswith(b"2,,,,")
    only = score(CSV, body, ignore=("id", "no, te"), keep=())
    assert only.splitlines()[:2] == [b"prediction,error", b"yes,"]


def test_kept_members_of_json_have_their_own_digits(score):
    line = b'{"id": 12345678901234567890123, "a": 0.90, "b": 8e-1, "n": {"x": [1.50]}}\n'
    options = {"ignore": ("id", "n")}
    assert score(JSON_LINES, line, drop=("b",), **options) == (
        b'{"id":12345678901234567890123,"a":0.90,"n":{"x": [1.50]},"prediction":"yes"}\n'
    )
    document = b'{"data": [%b]}' % line.strip()
    written = score(JSON, document, keep=("id", "b"), **options)
    assert written.startswith(b'{"data":[{"id":12345678901234567890123,"b":8e-1}],"predictions":')
    table = pq.read_table(io.BytesIO(score(JSON_LINES, line, form=PARQUET, **options)))
    assert table["id"].to_pylist() == ["12345678901234567890123"]
    assert table["n"].to_pylist() == ['{"x": [1.50]}']


def test_records_may_differ(score):
    """A column is there from any line on, with the type that holds all its cells."""
    lines = [{"a": 0.9, "b": 0.8, "n": 1}] * 3000 + [
        {"a": 0.1, "b": 0.2, "n": "x", "late": True, "mixed": 2.5},
        {"a": 0.1, "b": 0.2, "count": 7, "mixed": 3},
    ]
    body = b"\n".join(map(orjson.dumps, lines))
    table = pq.read_table(
        io.BytesIO(
            score(
                JSON_LINES, body, form=PARQUET, keep=("n", "late", "count", "mixed"), ignore=("n",)
            )
        )
    )
    kinds = dict(zip(table.schema.names, table.schema.types, strict=True))
    assert [kinds[name] for name in ("n", "late", "count", "mixed")] == [
        *(pa.string(), pa.bool_(), pa.int64(), pa.float64()),
    ]
    assert table["n"].to_pylist()[-3:] == ["1", "x", None]
    assert table["late"].to_pylist()[-3:] == [None, True, None]


@pytest.mark.parametrize(
    "body",
    [
        {"columns": ["id", "b", "a"], "data": [[7, 0.8, 0.9], [8, 0.2, 0.1]]},
        {"inputs": {"id": [7, 8], "a": [0.9, 0.1], "b": [0.8, 0.2]}},
    ],
)
def test_a_document_with_names_of_its_own_becomes_columns(score, body):
    written = score(JSON, orjson.dumps(body), form=CSV, ignore=("id",))
    (first, second) = csv.DictReader(io.StringIO(written.decode()))
    assert (first["id"], second["id"]) == ("7", "8")
    assert first["a"] == "0.9"


def test_csv_in_parquet_out_has_the_models_types(score):
    body = b"id,a,b\n007,0.9,1\nNA,0.1,x\n,3,\n"
    table = pq.read_table(io.BytesIO(score(CSV, body, form=PARQUET, ignore=("id",))))
    assert table["id"].to_pylist() == ["007", "NA", ""]
    assert table["b"].to_pylist() == [1.0, None, None]
    assert table["prediction"].to_pylist()[0] == "yes"
    assert table["error"].null_count == 1


@pytest.mark.parametrize("target", NAMED)
@pytest.mark.parametrize(
    ("form", "body"),
    [
        (CSV, b"a,b\n"),
        (CSV, b""),
        (JSON_LINES, b""),
        (JSON, b"[]"),
        (PARQUET, scored_tables.write(PARQUET, {"a": [], "b": []})),
        (ARROW, scored_tables.write(ARROW, {"a": [], "b": []})),
    ],
)
def test_an_input_without_rows_has_all_our_columns(score, form, body, target):
    written = score(form, body, form=target, output=PROBABILITIES)
    if target == JSON_LINES or (target == JSON and form == JSON):
        return
    if form == target == CSV and not body:
        return
    columns = scored_tables.read(target, written)
    ours = {"prediction", "probability_no", "probability_yes", "error"}
    assert ours - {*columns} <= ({"prediction"} if target == JSON else set())
    assert not any(columns.values())


def test_a_document_is_bounded_by_the_number_of_rows(score):
    with pytest.raises(InputTooLarge, match="MAX_ROWS"):
        score(CSV, b"0.9,0.8\n" * 6000, form=JSON)
    assert (score(CSV, b"0.9,0.8\n" * 6000, form=JSON_LINES)).count(b"\n") == 6000


def test_other_types_of_columns_are_written_as_texts_know_them(score):
    table = pa.table(
        {
            "a": pa.array([0.9, 0.1], pa.float32()),
            "b": [0.8, 0.2],
            "day": [dt.date(2026, 1, 2), None],
            "at": pa.array([1, 2_500_000], pa.timestamp("us")),
            "price": [decimal.Decimal("1.10"), None],
            "many": [[1, 2], None],
            "kind": pa.array(["x", None]).dictionary_encode(),
        }
    )
    body = io.BytesIO()
    with pa.ipc.new_stream(body, table.schema) as stream:
        stream.write_table(table)
    ignore = ("day", "at", "price", "many", "kind")
    written = score(ARROW, body.getvalue(), form=CSV, ignore=ignore)
    row = next(csv.DictReader(io.StringIO(written.decode())))
    assert (row["a"], row["day"], row["price"], row["many"]) == (
        "0.9",
        "2026-01-02",
        "1.10",
        "[1,2]",
    )
    assert row["kind"] == "x"
    again = pa.ipc.open_file(score(ARROW, body.getvalue(), form=ARROW_FILE, ignore=ignore))
    assert again.read_all()["kind"].to_pylist() == ["x", None]


def test_the_fields_of_npy_may_have_any_name(score):
    body = ",a,b,日本\n0,0.9,0.8,ü\n1,0.1,x,\n".encode()
    written = score(CSV, body, form=NPY, ignore=("日本",))
    array = np.load(io.BytesIO(written), allow_pickle=False)
    assert array["日本"].tolist() == ["ü", ""]
    assert array["prediction"].tolist() == ["yes", ""]
    assert np.isnan(array["b"][1])
    assert "expected a number" in array["error"][1]


@pytest.mark.parametrize(("keep", "header"), [(("b",), b"b;"), ((), b"")])
def test_the_line_that_names_the_delimiter_stays_before_the_kept_columns(score, keep, header):
    written = score(CSV, b"sep=;\na;b\n0.9;0.8\n", keep=keep)
    assert written.startswith(b"sep=;\n%bprediction;error\n" % header)
