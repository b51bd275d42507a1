"""What `triscore score` knows of a file by its name."""

import pytest

from deploy.errors import Refused
from deploy.submission import Input, senders


@pytest.mark.parametrize(
    ("name", "kind", "encoding", "stem", "format_ending"),
    [
        ("rows.csv", "text/csv", "", "rows", ".csv"),
        ("Rows.May.CSV.GZ", "text/csv", "gzip", "Rows.May", ".CSV"),
        ("rows.jsonl.zst", "application/jsonl", "zstd", "rows", ".jsonl"),
    ],
)
def test_a_files_name_says_its_format_and_compression(
    tmp_path, name, kind, encoding, stem, format_ending
):
    file = tmp_path / name
    file.write_bytes(b"")
    source = Input.of(file)
    assert (source.content_type, source.encoding) == (kind, encoding)
    assert (source.stem, source.format_ending) == (stem, format_ending)
    assert source.stem + source.ending == name


@pytest.mark.parametrize("name", ["rows", "rows.xyz", "rows.gz", "rows.csv.bz2"])
def test_a_file_of_another_format_is_refused(tmp_path, name):
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(Refused, match=r"\.csv, |send \.gz"):
        Input.of(tmp_path / name)


def test_progress_says_rows_pace_failures_and_the_time_left():
    running = {"share": 0.4, "rows": 812_000, "rows_per_s": 114_366.2, "seconds_left": 70.7}
    assert senders.format_progress({**running, "failed": 0}) == (
        0.4,
        "812,000 rows, 114,366/s, 1:10 left",
    )
    assert senders.format_progress({**running, "failed": 3})[1].endswith("3 failed, 1:10 left")
    assert senders.format_progress({"status": "pending"}) == (None, "")
