"""Batch files have their size and their rows, the script scores them, and memory is sampled."""

import os
import subprocess
import sys

import joblib
import numpy as np
import pytest
from azure.storage.blob import BlobServiceClient
from sklearn.dummy import DummyClassifier

from bench import batch_files, batch_formats, batch_script
from bench.batch_files import BatchFile
from bench.models import Model
from bench.worker_memory import Peak, resident_bytes, worker_of
from tests.waiting import eventually


@pytest.fixture
def small(tmp_path, monkeypatch):
    monkeypatch.setattr(batch_files, "WORK", tmp_path)
    monkeypatch.setitem(batch_files.SIZES, "10mb", 3)


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_a_file_has_nearly_its_size_and_64_whole_numbers_a_row(small, form):
    file = BatchFile(form, "10mb")
    content = batch_formats.make(file).read_bytes()
    assert 0.8 * file.bytes < len(content) <= 1.05 * file.bytes
    frame = batch_formats.read(form, content)
    assert frame.shape[1] == 64
    assert {str(each) for each in frame.dtypes} == {"int64"}
    assert len(frame.drop_duplicates()) == len(frame)


@pytest.mark.long
@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_the_script_writes_the_rows_with_the_models_answer(small, azurite, tmp_path, form):
    file = BatchFile(form, "10mb")
    model = Model("most", tmp_path)
    joblib.dump(DummyClassifier().fit(np.zeros((3, 64)), [4, 4, 5]), model.file)
    with BlobServiceClient.from_connection_string(azurite.connection_string) as storage:
        container = storage.get_container_client(batch_script.CONTAINER)
        if not container.exists():
            container.create_container()
        content = batch_formats.make(file).read_bytes()
        container.upload_blob(file.path.name, content, overwrite=True)
        assert batch_script.run(azurite.connection_string, file, model) > 0
        scored = container.download_blob(f"scored-{file.path.name}").readall()
    frame = batch_formats.read(form, scored)
    assert set(frame.pop("prediction")) == {4}
    assert frame.equals(batch_formats.read(form, content))


def test_the_peak_of_a_process_is_seen():
    code = "input(); held = bytearray(b'1') * 64_000_000; print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        before = resident_bytes(child.pid)
        with Peak(child.pid) as peak:
            child.stdin.write(b"\n")
            child.stdin.flush()
            child.stdout.readline()
            eventually(lambda: peak.bytes > before + 57_000_000)
        child.communicate(b"\n")
    assert worker_of(os.getpid())


def test_a_process_that_ended_has_no_memory():
    assert resident_bytes(2**22 + 1) == 0
