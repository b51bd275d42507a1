"""What `triscore score` knows of a file by its name."""

import pytest

from deploy.errors import Refused
from deploy.submission import Input


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
