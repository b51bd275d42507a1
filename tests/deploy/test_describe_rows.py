"""Sample rows and options that describe takes, and the sentences about those that it does not."""

import gzip

import numpy as np
import pandas as pd
import pytest
from backports import zstd
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from deploy.columns import gaps
from inference.errors import ScoringError
from inference.models import manifest_file
from inference.rows.schema import Column, frame_schema
from tests.deploy.described import describe

PEOPLE = pd.DataFrame(
    {"age": [20, 30, 40, 50] * 5, "city": ["Ulm", "Bonn"] * 10, "member": [True, False] * 10}
)
ENCODE = make_column_transformer(
    (OneHotEncoder(handle_unknown="ignore"), ["city"]),
    (SimpleImputer(), ["age"]),
    ("passthrough", ["member"]),
)
OF_PEOPLE = make_pipeline(ENCODE, Ridge()).fit(PEOPLE, range(20))
OF_ARRAYS = Ridge().fit(np.random.default_rng(0).normal(size=(20, 2)), range(20))
HEAD = "age,city,member\n20,Ulm,True\n30,Bonn,False\n"


def refusal(folder, model, name, content, **options):
    file = None
    if name:
        file = folder / name
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ScoringError) as refused:
        describe(folder, model, file, **options)
    assert not (folder / manifest_file.NAME).exists()
    return str(refused.value)


@pytest.mark.parametrize(
    ("name", "pack"), [("rows.csv.gz", gzip.compress), ("rows.csv.zst", zstd.compress)]
)
def test_compressed_rows_are_unpacked(tmp_path, name, pack):
    file = tmp_path / name
    file.write_bytes(pack(HEAD.encode()))
    packed = manifest_file.read(describe(tmp_path, OF_PEOPLE, file))
    plain = tmp_path / "rows.csv"
    plain.write_text(HEAD)
    assert packed == manifest_file.read(describe(tmp_path, OF_PEOPLE, plain))


@pytest.mark.parametrize(
    ("name", "got"), [("none.csv", "no such file"), ("folder.csv", "a folder")]
)
def test_a_file_of_rows_that_is_none_is_named(tmp_path, name, got):
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(ScoringError, match=f"{name}: expected a file with rows, got {got}"):
        describe(tmp_path, OF_PEOPLE, tmp_path / name)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("rows.csv", "", "expected a file with rows, got an empty one"),
        (
            "rows.csv.gz",
            gzip.compress(HEAD.encode(), mtime=0)[:-9],
            "a whole gzip file, got the gzip str",
        ),
        ("rows.csv.gz", HEAD, "rows.csv.gz: expected a whole gzip file, got"),
        (
            "rows.parquet.gz",
            gzip.compress(b"PAR1", mtime=0),
            "expected Parquet as it is, which is compr",
        ),
        ("rows.csv.bz2", HEAD, "compression '*.bz2' is not supported; send .gz, .zst, .zstd"),
        ("rows.csv", "age,city,member\n", "expected at least one row, got none"),
        ("rows.csv", f"{HEAD}1,2,3,4,5\n", "rows in a .csv file, got Error tokenizing"),
        ("rows.csv", HEAD.replace("Ulm", "Köln").encode("latin-1"), "'utf-8' codec can't decode"),
        ("rows.csv", HEAD.replace(",", ";"), "age, city, member, separated by commas, got none"),
        ("rows.csv", f"{HEAD}{'9' * 23},Ulm,True\n", "'age': expected integers of at most 64"),
        (
            "rows.tsv",
            HEAD,
            ".csv, .json, .jsonl, .ndjson, .npy, got .tsv",
        ),
        ("rows", HEAD, "got no ending"),
        ("rows.json", "{", "rows in a .json file, got unexpected end"),
        ("rows.json", "5", "rows in a .json file, got no list of rows"),
        ("rows.json", '{"x": 1}', "column 'age': expected present, got missing"),
        ("rows.json", '[[20, "Ulm"]]', "3 columns passed, passed data had 2"),
        ("rows.parquet", b"PAR1", "rows in a .parquet file"),
    ],
)
def test_a_file_that_holds_no_rows_of_the_model_is_named(tmp_path, name, content, says):
    assert says in refusal(tmp_path, OF_PEOPLE, name, content)


@pytest.mark.parametrize(
    "document",
    [
        '{"age": 20, "city": "Ulm", "member": true}',
        '{"data": {"age": [20], "city": ["Ulm"], "member": [true]}}',
        '{"age": {"0": 20}, "city": {"0": "Ulm"}, "member": {"0": true}}',
        '{"dataframe_split": {"columns": ["city", "age", "member"], "data": [["Ulm", 20, true]]}}',
        '[[20, "Ulm", true]]',
    ],
)
def test_rows_in_json_may_be_written_as_the_app_and_pandas_write_them(tmp_path, document):
    (tmp_path / "rows.json").write_text(document)
    found = manifest_file.read(describe(tmp_path, OF_PEOPLE, tmp_path / "rows.json"))
    assert found.golden.rows == [[20, "Ulm", True]]


@pytest.mark.parametrize(
    ("model", "options", "says"),
    [
        (
            OF_PEOPLE,
            {"types": {"agee": "text"}},
            "--type agee: expected one of the model's",
        ),
        (
            OF_PEOPLE,
            {"types": {"city": "number"}},
            "'city': --type says number, and rows",
        ),
        (OF_PEOPLE, {"types": {"city": "category"}}, "does not know the column's categories"),
        (OF_PEOPLE, {"unseen": "missing"}, "the model has no column of type category"),
        (OF_PEOPLE, {"na": ("20",)}, "'20' is a value"),
        (OF_ARRAYS, {"types": {"x": "text"}}, "--type x: the model takes an array"),
    ],
)
def test_an_option_that_does_not_fit_is_named(tmp_path, model, options, says):
    if model is OF_PEOPLE and "na" in options:  # a CSV would read it as missing
        rows = ("rows.json", '[{"age": 20, "city": "Ulm", "member": true}]')
    else:
        rows = ("rows.csv", HEAD) if model is OF_PEOPLE else ("", "")
    assert says in refusal(tmp_path, model, *rows, **options)


@pytest.mark.parametrize("content", ["1.5,2\n", "1.5,2\n" * 5_000])
def test_rows_of_an_array_need_no_header_and_some_of_many_become_golden(tmp_path, content):
    found = manifest_file.read(describe(tmp_path, OF_ARRAYS, content))
    assert len(found.golden.rows) == min(100, content.count("\n"))
    assert found.features.names is None


@pytest.mark.parametrize(("most", "known"), [(1_000, 16), (3, 16), (1, 0)])
def test_a_frame_is_asked_for_gaps_in_groups(monkeypatch, most, known):
    """Of 32 columns the first 16 take a gap: that is known after the whole and a half."""
    monkeypatch.setattr(gaps, "MAX_ASKED_CELLS", 0)
    monkeypatch.setattr(gaps, "MIN_CALLS", most)
    names = [f"c{at}" for at in range(32)]
    calls = 0

    def answer(values):
        nonlocal calls
        calls += 1
        if any(np.isnan(column).any() for column in values.columns[16:]):
            raise ValueError("a gap")

    schema = frame_schema([Column(name) for name in names])
    found = gaps.ask(answer, schema, [[0.5] * 32])
    assert [column.missing for column in found.columns] == [at < known for at in range(32)]
    assert calls <= most
