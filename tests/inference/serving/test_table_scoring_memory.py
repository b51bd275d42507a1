"""The memory for scoring blobs is bounded, in every format."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.inference import large_bodies
from tests.inference.serving import large_batches

MB = 1024 * 1024
#: Of the others, as many as is wide.
COLUMNS = {
    "Parquet": 500,
    "wide Parquet": 4_000,
    "Parquet of few values": 1_000,
    "Parquet of long pages": 64,
}
#: One that is read and one that is refused; the others take their time.
QUICK = ("CSV", "too wide Parquet")


def scored(folder: Path, name: str, count: int) -> dict[str, object]:
    _, pieces = large_batches.BLOBS[name]
    with (folder / "blob").open("wb") as file:
        file.writelines(pieces())
    large_bodies.model(folder, COLUMNS.get(name, large_batches.WIDE), "model")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.inference.serving.large_batches",
            str(folder),
            name,
            str(count),
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=200,
    )
    found: dict[str, object] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if name in QUICK else [pytest.mark.long])
        for name in large_batches.BLOBS
    ],
)
def test_a_blob_of_long_rows_takes_less_than_256_mb_or_is_refused(tmp_path, name):
    found = scored(tmp_path, name, 1)
    (came,) = found["came"]
    assert came.endswith(" 0 failed") or "more than 131,072 cells" in came or "columns" in came
    assert found["took"] < 256 * MB, found


@pytest.mark.parametrize(
    "name", ["CSV", "JSON lines", "JSON", "npy", "Parquet", "wide Parquet", "Arrow"]
)
@pytest.mark.long
def test_four_concurrent_blobs_take_less_than_512_mb(tmp_path, name):
    found = scored(tmp_path, name, 4)
    assert all(came.endswith(" 0 failed") for came in found["came"])
    assert found["took"] < 512 * MB, found
