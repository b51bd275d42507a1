"""The files that batch scoring is measured with, and the names of its figures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench.places import WORK

Format = Literal["csv", "jsonl", "parquet"]

MEGABYTE = 1_000_000
SIZES = {"10mb": 10, "100mb": 100, "1gb": 1000, "10gb": 10_000}


@dataclass(frozen=True, slots=True)
class BatchFile:
    """A file of one format and about one size, named as in `batch/csv/100mb`."""

    form: Format
    size: str

    @property
    def id(self) -> str:
        return f"batch/{self.form}/{self.size}"

    @property
    def path(self) -> Path:
        return WORK / "batch" / f"{self.size}.{self.form}"

    @property
    def bytes(self) -> int:
        return SIZES[self.size] * MEGABYTE

    @property
    def can_be_read_whole(self) -> bool:
        """Whether a script that reads the file at once has the memory for it."""
        return self.size != "10gb"


FILES: tuple[BatchFile, ...] = (
    BatchFile("csv", "10mb"),
    BatchFile("csv", "100mb"),
    BatchFile("jsonl", "100mb"),
    BatchFile("parquet", "100mb"),
)
#: Measured on request only: they take minutes, and gigabytes of disk.
LARGE: tuple[BatchFile, ...] = (
    BatchFile("csv", "1gb"),
    BatchFile("parquet", "1gb"),
    BatchFile("csv", "10gb"),
)

#: HTTP is measured while this file is scored.
BESIDE = BatchFile("csv", "100mb")
BEFORE, DURING = "HTTP p99, idle", "HTTP p99, during a batch"


def ours(file: BatchFile) -> str:
    return f"{file.id}, triscore"


def script(file: BatchFile) -> str:
    return f"{file.id}, script"


def memory(file: BatchFile) -> str:
    return f"{file.id}, memory above idle"
