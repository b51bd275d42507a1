"""Models whose arrays are mapped from their file."""

import logging
import mmap
import pickle
import subprocess
import sys
from pathlib import Path

import joblib
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from deploy import manifest
from inference import models
from inference.errors import ModelUnavailable
from inference.models import manifest_file, manifests, mapped_unpickler
from inference.script_errors import SHOWN

ROOT = Path(__file__).resolve().parents[3]
WIDTH = 32
ROW = np.zeros((1, WIDTH))


class Scribbler:
    """Writes into one of its own arrays, as some estimators do."""

    def __init__(self, size: int = 200_000) -> None:
        self.n_features_in_ = WIDTH
        self.work_ = np.zeros(size)

    def predict(self, rows):
        self.work_[: len(rows)] = rows.sum(axis=1)
        return self.work_[: len(rows)].copy()


class ManyArrays(Scribbler):
    """Many arrays, and some that are not in this machine's byte order."""

    def __init__(self, count: int = 80) -> None:
        super().__init__()
        self.arrays_ = [np.full(140_000, float(number)) for number in range(count)]
        self.small_ = [np.full(10, float(number)) for number in range(count)]
        self.swapped_ = np.full(140_000, 7.0).astype(">f8")

    def predict(self, rows):
        whole = sum(array[-1] for array in self.arrays_ + self.small_) + self.swapped_[-1]
        return np.full(len(rows), whole)


@pytest.fixture(scope="module")
def neighbours():
    """A model that is mostly one large array."""
    rows = np.random.default_rng(0).normal(size=(20_000, WIDTH))
    model = KNeighborsClassifier(algorithm="brute")
    return model.fit(rows, (rows[:, 0] > 0).astype(int))


def described(folder, estimator, **options):
    joblib.dump(estimator, folder / "model.joblib", **options)
    manifest_file.write(folder, manifest.describe(folder))
    return folder / "model.joblib"


def served(file):
    return models.load_verified(file, manifest_file.read(file.parent), SHOWN)


def maps(file: Path) -> list[str]:
    """The lines of this process's memory map that name a file."""
    return [line for line in Path("/proc/self/maps").read_text().splitlines() if str(file) in line]


def test_large_arrays_are_mapped_from_the_file_and_answer_alike(tmp_path, neighbours):
    file = described(tmp_path, neighbours)
    serving = served(file)
    assert len(maps(file)) == 1  # of three: the other two are small
    assert " r--s " in maps(file)[0]
    rows = np.random.default_rng(1).normal(size=(50, WIDTH))
    assert (serving.answer(rows) == neighbours.predict(rows)).all()


@pytest.mark.parametrize("compress", ["zlib", "gzip", "lzma"])
def test_a_compressed_file_loads_unmapped(tmp_path, neighbours, compress, recwarn):
    file = described(tmp_path, neighbours, compress=(compress, 1))
    assert served(file).answer(ROW) == neighbours.predict(ROW)
    assert maps(file) == []
    assert list(recwarn) == []


def test_a_plain_pickle_loads_unmapped(tmp_path, neighbours, recwarn):
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(neighbours))
    manifest_file.write(tmp_path, manifest.describe(tmp_path))
    assert served(tmp_path / "model.pkl").answer(ROW) == neighbours.predict(ROW)
    assert maps(tmp_path / "model.pkl") == []
    assert list(recwarn) == []


def test_an_estimator_that_writes_into_its_arrays_is_served_unmapped(tmp_path, caplog):
    file = described(tmp_path, Scribbler())
    with caplog.at_level(logging.INFO):
        assert served(file).answer(ROW + 1) == [WIDTH]
    assert "loaded again, without mapping: " in caplog.text
    assert "read-only" in caplog.text


def test_without_golden_rows_no_array_is_mapped(tmp_path, neighbours):
    file = described(tmp_path, neighbours)
    described_by = manifest_file.read(tmp_path)
    models.load_verified(
        file,
        manifests.Manifest(
            file=file.name, sha256="", framework="", version="", features=described_by.features
        ),
    )
    assert maps(file) == []


def test_the_number_of_mapped_arrays_is_limited(tmp_path):
    file = described(tmp_path, ManyArrays())
    model = models.load(file, mapped=True)
    assert model.mapped
    assert len(maps(file)) == mapped_unpickler.MAX_ARRAYS
    answer = model.answer_function("predict", model.schema())
    assert answer(ROW)[0] == 2 * sum(range(80)) + 7


def test_a_mapped_file_that_is_written_to_no_longer_answers(tmp_path, neighbours):
    file = described(tmp_path, neighbours)
    serving = served(file)
    with file.open("r+b") as opened:  # the same length: there would be no other sign
        opened.seek(-8 * mmap.PAGESIZE, 2)
        opened.write(bytes(mmap.PAGESIZE))
    with pytest.raises(ModelUnavailable, match=r"written to while it was served: restart the app"):
        serving.answer(ROW)


def test_a_mapped_file_that_is_emptied_does_not_end_the_process(tmp_path, neighbours):
    file = described(tmp_path, neighbours)
    serving = served(file)
    file.write_bytes(b"")
    with pytest.raises(ModelUnavailable, match=r"put a new file in its place \(mv\)"):
        serving.answer(ROW)


@pytest.mark.parametrize("put", ["another", "none"])
def test_a_mapped_model_answers_after_its_file_is_replaced(tmp_path, neighbours, put):
    file = described(tmp_path, neighbours)
    serving = served(file)
    if put == "another":
        joblib.dump(LogisticRegression(), tmp_path / "new")
        (tmp_path / "new").replace(file)
    else:
        file.unlink()
    assert serving.answer(ROW) == neighbours.predict(ROW)


SHARER = """
import sys, numpy as np
from pathlib import Path
from inference import models
from inference.models import manifest_file, manifests
file = Path(sys.argv[1])
serving = models.load_verified(file, manifest_file.read(file.parent))
serving.answer(np.zeros((1, 32)))
print("ready", flush=True)
sys.stdin.readline()
"""


def shared_kilobytes(pid: int, file: Path) -> dict[str, int]:
    """What a process holds in memory of a file that it maps, alone and shared, in kilobytes."""
    sums = {"Rss": 0, "Private_Clean": 0, "Private_Dirty": 0}
    inside = False
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        name, _, rest = line.partition(":")
        if "-" in name.partition(" ")[0]:
            inside = line.endswith(str(file))
        elif inside and name in sums:
            sums[name] += int(rest.split()[0])
    return sums


@pytest.mark.long
def test_two_workers_hold_the_arrays_in_memory_once(tmp_path, neighbours):
    file = described(tmp_path, neighbours)
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", SHARER, str(file)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    try:
        assert [worker.stdout.readline() for worker in workers] == ["ready\n"] * 2
        for worker in workers:
            sizes = shared_kilobytes(worker.pid, file)
            assert sizes["Rss"] * 1024 > 0.9 * file.stat().st_size
            assert sizes["Private_Clean"] + sizes["Private_Dirty"] < 0.1 * sizes["Rss"]
    finally:
        for worker in workers:
            worker.communicate("\n", timeout=30)
