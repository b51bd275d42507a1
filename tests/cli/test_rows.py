"""The rows that a command sends: by the name of a file, or of standard input."""

import io
import os
import sys

import pytest

from cli.errors import UsageError
from cli.running_app import by_blob
from cli.running_app.rows import Rows


@pytest.mark.parametrize(
    ("name", "kind", "encoding", "stem", "format_ending"),
    [
        ("rows.csv", "text/csv", "", "rows", ".csv"),
        ("Rows.May.CSV.GZ", "text/csv", "gzip", "Rows.May", ".CSV"),
        ("rows.jsonl.zst", "application/jsonl", "zstd", "rows", ".jsonl"),
        ("rows.parquet", "application/vnd.apache.parquet", "", "rows", ".parquet"),
        ("rows.arrow", "application/vnd.apache.arrow.file", "", "rows", ".arrow"),
        ("rows.npy", "application/x-npy", "", "rows", ".npy"),
    ],
)
def test_a_files_name_says_its_format_and_compression(
    tmp_path, name, kind, encoding, stem, format_ending
):
    file = tmp_path / name
    file.write_bytes(b"1,2")
    rows = Rows.find(str(file))
    assert (rows.content_type, rows.encoding) == (kind, encoding)
    assert (rows.stem, rows.format_ending) == (stem, format_ending)
    assert rows.stem + rows.ending == name
    assert rows.headers.get("content-encoding", "") == encoding
    with rows.open() as opened:
        assert (rows.size, rows.content, opened.read()) == (3, b"1,2", b"1,2")


@pytest.mark.parametrize("name", ["rows", "rows.xyz", "rows.gz", "rows.csv.bz2"])
def test_a_file_of_another_format_is_refused_unless_its_type_is_said(tmp_path, name):
    (tmp_path / name).write_bytes(b"1")
    with pytest.raises(UsageError, match=r"\.csv, .*--content-type|send \.gz"):
        Rows.find(str(tmp_path / name))
    rows = Rows.find(str(tmp_path / name), "image/png")
    assert (rows.content_type, rows.name) == ("image/png", name)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"no\.csv is not a file"):
        Rows.find(str(tmp_path / "no.csv"))


def test_a_file_that_this_user_may_not_read_is_refused(tmp_path, monkeypatch):
    (tmp_path / "rows.csv").write_text("1")
    # Root may read every file.
    monkeypatch.setattr(os, "access", lambda file, mode: mode != os.R_OK)
    with pytest.raises(UsageError, match=r"rows\.csv may not be read by this user"):
        Rows.find(str(tmp_path / "rows.csv"))


@pytest.mark.parametrize(
    ("kind", "sent", "name"),
    [
        ("", "application/json", "rows.json"),
        ("text/csv", "text/csv", "rows.csv"),
        ("text/csv; header=absent", "text/csv; header=absent", "rows.csv"),
        ("image/png", "image/png", "rows"),
    ],
)
def test_standard_input_is_json_unless_its_type_is_said(monkeypatch, kind, sent, name):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"[[1]]")))
    rows = Rows.find("-", kind)
    assert (rows.content_type, rows.name, rows.file) == (sent, name, None)
    assert (rows.size, rows.content, rows.open().read()) == (5, b"[[1]]", b"[[1]]")


def test_progress_says_rows_pace_failures_and_the_time_left():
    running = {"share": 0.4, "rows": 812_000, "rows_per_s": 114_366.2, "seconds_left": 70.7}
    assert by_blob.format_progress({**running, "failed": 0}) == (
        0.4,
        "812,000 rows, 114,366/s, 1:10 left",
    )
    assert by_blob.format_progress({**running, "failed": 3})[1].endswith("3 failed, 1:10 left")
    assert by_blob.format_progress({"status": "pending"}) == (None, "")
