"""Numbers that few formats hold well: long integers, NaN, infinity, odd layouts."""

import io

import numpy as np
import orjson
import pandas as pd
import pytest

from inference.errors import MalformedInput, UnacceptableAnswer, UnfitInput
from inference.limits import Limits
from inference.models.answers import one_per_row
from inference.models.inputs import input_function
from inference.rows import coercion, formats, media_types
from inference.rows.formats import npy_codec
from inference.rows.schema import Column, Schema, frame_schema
from tests.schemas import frame

TWO = Schema(features=2)
BIG = 2**53 + 1


def read(body: bytes, kind: str, schema: Schema = TWO):
    return formats.decode(body, kind, schema, limits=Limits(10**8, 100))


def npy(array: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.save(out, array)
    return out.getvalue()


INTEGERS = [
    ("int64", [[BIG, 1]]),
    ("int64", [[2**63 - 1, -(2**63)]]),
    ("uint64", [[2**64 - 1, 1]]),
    ("int8", [[127, -128], [1, 2]]),
    ("int64", [[3.0, 1]]),
]


@pytest.mark.parametrize(("dtype", "rows"), INTEGERS)
def test_an_array_has_the_dtype_of_the_training_array(dtype, rows):
    schema = Schema(features=2, dtype=dtype)
    exact = np.array([list(map(int, row)) for row in rows], dtype=dtype)
    csv = "\n".join(",".join(map(str, row)) for row in rows).encode()
    for body, kind in ((orjson.dumps(rows), "application/json"), (csv, "text/csv")):
        values = read(body, kind, schema).require_valid()
        assert values.dtype == dtype
        assert values.tolist() == exact.tolist()
    body = npy(exact.astype(exact.dtype.newbyteorder(">")))
    values = read(body, media_types.NPY, schema).require_valid()
    assert values.dtype == dtype
    assert values.tolist() == exact.tolist()


@pytest.mark.parametrize("cell", [2**63, -(2**63) - 1, 0.5, 1e300])
def test_a_number_that_is_no_integer_of_the_dtype_is_that_rows_error(cell):
    schema = Schema(features=2, dtype="int64")
    found = coercion.coerce_rows([[1, 2], [cell, 1]], schema, text=False)
    assert found.values.tolist() == [[1, 2]]
    says = r"row 1, column 0: expected a whole number that fits into int64, got"
    with pytest.raises(UnfitInput, match=says):
        found.require_valid()


def test_a_long_integer_is_a_float_where_training_had_floats():
    for rows in ([[BIG, 1]], [[BIG, 0.5]], [[2**64 - 1, 1]], [[True, BIG]]):
        values = read(orjson.dumps(rows), "").require_valid()
        assert values.dtype == np.float64
        assert values.tolist() == np.array(rows, np.float64).tolist()


def test_a_wrong_row_does_not_change_how_other_rows_are_converted():
    schema = Schema(features=2, dtype="int64")
    for rows, text in (([[BIG, 1], [1]], False), ([[str(BIG), "1"], ["x", "1"]], True)):
        fitted = coercion.coerce_rows(rows, schema, text=text)
        assert fitted.values.tolist() == [[BIG, 1]]
        assert list(fitted.errors) == [1]


@pytest.mark.parametrize(
    ("dtype", "column"), [("int64", [BIG, 5]), ("uint64", [2**64 - 1, 5]), ("int64", [-BIG, 5])]
)
def test_a_column_of_integers_keeps_their_digits(dtype, column):
    schema = frame_schema([Column("n", "integer", dtype=dtype)])
    for rows, text in (([[n] for n in column], False), ([[str(n)] for n in column], True)):
        values = coercion.coerce_rows(rows, schema, text=text).require_valid()
        made = input_function(schema)(values)
        assert made["n"].tolist() == column
        assert made["n"].dtype == dtype


ROUNDED = float(2**53)
CSV, LINES = "text/csv; header=absent", "application/jsonl"


def as_parquet(*cells: float) -> bytes:
    out = io.BytesIO()
    pd.DataFrame({name: [cell] for name, cell in zip("ab", cells, strict=True)}).to_parquet(out)
    return out.getvalue()


@pytest.mark.parametrize("many", [1, 20, 20_000])
@pytest.mark.parametrize("spelling", ["9007199254740993.0", "1e17", "-9007199254740993e0"])
@pytest.mark.parametrize(
    "schema", [Schema(features=2, dtype="int64"), frame("ab", ("integer", "integer"))]
)
def test_a_text_of_a_float_is_no_integer_where_several_have_the_same_float(schema, spelling, many):
    row = f"{spelling},1"
    limits = Limits(10**8, many)
    for body, kind in (
        ("\n".join([row] * many), CSV),
        (f"[{','.join([f'[{row}]'] * many)}]", "application/json"),
        ("\n".join([f"[{row}]"] * many), LINES),
    ):
        with pytest.raises(UnfitInput, match="may have lost digits"):
            formats.decode(body.encode(), kind, schema, limits=limits).require_valid()


@pytest.mark.parametrize(
    "schema", [Schema(features=2, dtype="int64"), frame("ab", ("integer", "integer"))]
)
def test_a_float_is_no_integer_where_several_have_the_same_float(schema):
    for body, kind in (
        (npy(np.array([[ROUNDED, 1]])), media_types.NPY),
        (as_parquet(ROUNDED, 1.0), media_types.PARQUET),
    ):
        with pytest.raises(UnfitInput, match="may have lost digits"):
            read(body, kind, schema).require_valid()
        below = body.replace(np.float64(ROUNDED).tobytes(), np.float64(ROUNDED - 1).tobytes())
        assert len(read(below, kind, schema).require_valid()) == 1


def test_a_float_is_no_category_where_several_integers_have_it():
    schema = frame_schema([Column("a", "category", categories=(2**53, 2**53 + 2))])
    for body, kind in (
        (b"9007199254740993.0", CSV),
        (b"[[9007199254740993.0]]", "application/json"),
        (b"[[9007199254740993.0]" + b",[9007199254740992]" * 20 + b"]", "application/json"),
        (pd.DataFrame({"a": [ROUNDED]}).to_parquet(), media_types.PARQUET),
    ):
        assert list(read(body, kind, schema).errors) == [0]
    found = read(b"9007199254740992\n9007199254740994", CSV, schema).typed()
    assert found.columns[0].tolist() == [0, 1]


def test_a_long_float_is_an_integer_where_training_had_floats():
    columns = [Column(name, "integer", missing=True, dtype="float64") for name in "ab"]
    for body, kind in (
        (b"9007199254740993.0,1", CSV),
        (b"[[9007199254740993.0,1]]", "application/json"),
        (npy(np.array([[ROUNDED, 1]])), media_types.NPY),
        (as_parquet(ROUNDED, 1.0), media_types.PARQUET),
    ):
        found = read(body, kind, frame_schema(columns)).typed()
        assert found.columns[0].tolist() == [ROUNDED]


ZEROS = ["-0,1", '"-0",1', "-0 ,1", "1,-0", "-0.0,1", "-0.5,-0", "-0,-0.5"]


@pytest.mark.parametrize("row", ZEROS)
@pytest.mark.parametrize("many", [1, 20, 20_000])
@pytest.mark.parametrize("schema", [TWO, frame("ab", ("number", "number"))])
def test_a_zero_of_csv_keeps_its_sign_in_every_way_of_reading(schema, many, row):
    body = "\n".join([row] * many).encode()
    found = formats.decode(body, CSV, schema, limits=Limits(10**8, many)).require_valid()
    first = found[:1].tolist()[0] if schema is TWO else [each[0] for each in found.columns]
    expected = [float(cell.strip('" ')) for cell in row.split(",")]
    assert list(map(str, map(float, first))) == list(map(str, expected))


def test_only_common_spellings_of_numbers_are_read():
    for schema in (Schema(features=2), frame(("a", "b"), ("number", "number"))):
        for cells in (["1_0", "2"], ["0x1", "2"], ["1e", "2"], ["९" * 5000, "2"]):
            assert 0 in coercion.coerce_rows([cells], schema, text=True).errors
        read = coercion.coerce_rows([[" 1", "2e3 "]], schema, text=True)
        assert read.values.tolist() == [[1, 2000]]


WITH_NUMBERS = [
    Schema(features=2),
    Schema(features=2, dtype="int64"),
    frame("ab", ("integer", "text")),
    frame("ab", ("number", "text")),
    frame_schema([Column("a", "category", categories=(1, 12)), Column("b", "text")]),
]


@pytest.mark.parametrize(
    "cell", ["\uff11\uff12", "1\uff12.0", "\u0661", "\u00a012", "12\u00a0", "\u202f1"]
)
@pytest.mark.parametrize("schema", WITH_NUMBERS)
@pytest.mark.parametrize("many", [1, 20_000])
def test_digits_and_spaces_beyond_ascii_make_no_number_as_in_pandas(schema, cell, many):
    body = "\n".join([f"{cell},1"] + ["12,1"] * (many - 1)).encode()
    assert pd.read_csv(io.BytesIO(body), header=None)[0].iloc[0] == cell
    with pytest.raises(UnfitInput, match="row 0, column"):
        formats.decode(
            body, "text/csv; header=absent", schema, limits=Limits(10**8, many)
        ).require_valid()


def test_a_space_beyond_ascii_makes_no_boolean():
    schema = frame("ab", ("boolean", "text"))
    body = "\u00a0true,x\n true,x\n".encode()
    found = formats.decode(body, "text/csv; header=absent", schema, limits=Limits(10**8, 2))
    assert list(found.errors) == [0]


def header(shape: bytes) -> bytes:
    text = b"{'descr': '<f8', 'fortran_order': False, 'shape': (" + shape + b"), }"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (header(b"-1, -2") + bytes(16), MalformedInput),
        (header(b"1," * 100) + bytes(8), UnfitInput),
        (header(b""), MalformedInput),
        (header(b"2, 0"), UnfitInput),
        (header(b"0, 1" + b"0" * 30), UnfitInput),
    ],
)
def test_an_array_of_an_impossible_shape_is_refused(body, error):
    with pytest.raises(error):
        read(body, media_types.NPY)


def test_an_unaligned_array_is_aligned():
    rows = np.random.default_rng(0).random((3, 2))
    for spaces in range(8):
        head = header(b"3, 2" + b" " * spaces)
        values = read(head + rows.tobytes(), media_types.NPY).require_valid()
        assert values.flags.aligned
        assert values.tolist() == rows.tolist()


PREDICTIONS = [
    # predictions, CSV, .npy
    (b"[1,null,3]", "prediction\n1\n\n3\n", [1.0, np.nan, 3.0]),
    (b"[[0.5,null]]", "prediction_0,prediction_1\n0.5,\n", [[0.5, np.nan]]),
    (b'["a",null]', "prediction\na\n\n", ["a", ""]),
    (b"[true,false]", "prediction\ntrue\nfalse\n", [True, False]),
    (b"[18446744073709551615]", "prediction\n18446744073709551615\n", [2**64 - 1]),
    (
        b"[[9223372036854775808,1]]",
        "prediction_0,prediction_1\n9223372036854775808,1\n",
        np.array([[2**63, 1]], np.uint64),
    ),
    (
        b"[[[0.5,null],[1.0,2.0]]]",
        'prediction_0,prediction_1\n"[0.5,null]","[1.0,2.0]"\n',
        [[[0.5, np.nan], [1.0, 2.0]]],
    ),
]


@pytest.mark.parametrize(("stored", "csv", "array"), PREDICTIONS)
def test_predictions_have_one_spelling_in_each_format(stored, csv, array):
    written = formats.encode(stored, media_types.CSV).decode()
    assert written.replace('""\n', "\n") == csv
    read_back = np.load(io.BytesIO(formats.encode(stored, media_types.NPY)))
    np.testing.assert_array_equal(read_back, array)
    assert read_back.dtype == np.array(array).dtype


@pytest.mark.parametrize("stored", [b"[[1],[1,2]]", b'["a",1]', b'[["a",1]]', b'[{"a":1}]'])
def test_predictions_that_no_array_holds_are_refused_with_the_formats_that_do(stored):
    with pytest.raises(UnacceptableAnswer, match="accept one of application/json"):
        formats.encode(stored, media_types.NPY)


def test_one_long_text_does_not_make_an_array_take_all_memory():
    with pytest.raises(UnacceptableAnswer):
        npy_codec.array_of(["x" * 1_000_000] + ["y"] * 100_000)


def test_rows_of_unequal_length_stay_rows_in_csv():
    assert formats.encode(b"[[1],2,[3,4]]", media_types.CSV) == b"prediction_0\n1\n2\n3,4\n"


def test_integers_beyond_64_bits_keep_their_digits_in_rows_of_text():
    stored = b"[%d]" % 2**70
    assert formats.encode(stored, media_types.JSON_LINES) == b"%d\n" % 2**70
    assert formats.encode(stored, media_types.CSV) == b"prediction\n%d\n" % 2**70


def test_several_outputs_have_one_item_per_row_for_any_number_of_rows():
    for count in (1, 2, 3):
        outputs = [np.arange(count * 2).reshape(count, 2), np.arange(count * 3).reshape(count, 3)]
        answer = one_per_row(outputs, count)
        assert len(answer) == count
        for row in range(count):
            assert [each.tolist() for each in answer[row]] == [
                each[row].tolist() for each in outputs
            ]


def test_a_dataframe_of_answers_has_one_object_per_row():
    assert one_per_row(pd.DataFrame({"a": [1, 2], "b": [3, 4]}), 2).tolist() == [[1, 3], [2, 4]]


ODD_ROWS = [
    *([1, 2.5], [1, True], [1, None], [1, "2"], [1], "ab", {"a": 1, "b": 2}, [2**70, 1], 5, []),
    *([BIG, -0.0], [float("nan"), 1], [float("inf"), 1], [1, [2]], [[1], 2], [1, {"a": 2}]),
]


@pytest.mark.parametrize("row", ODD_ROWS, ids=str)
@pytest.mark.parametrize(
    "schema", [TWO, Schema(features=2, allows_missing=True), Schema(features=2, dtype="int64")]
)
def test_many_rows_are_read_as_few_rows_are(row, schema):
    few, many = (coercion.coerce_rows([row] * count, schema, text=False) for count in (2, 200))
    assert str(many.values.tolist()[: len(few.values)]) == str(few.values.tolist())
    assert len(many.kept) == 100 * len(few.kept)
    assert [str(many.errors[at]) for at in few.errors] == list(map(str, few.errors.values()))
