"""Scores a blob as a data scientist's script does: download, read, predict once, write, upload.

`python -m bench.batch_script CONNECTION FILE FORMAT MODEL`: prints the seconds between its start
and its end, imports and the model's loading apart.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time

import joblib
from azure.storage.blob import BlobServiceClient

from bench import batch_formats
from bench.batch_files import BatchFile, Format
from bench.errors import BenchError
from bench.models import Model
from bench.places import ROOT, SERVER_CORE
from bench.servers.server import ONE_THREAD

CONTAINER = "script-batch"
SCRIPT_S = 1800.0


def run(connection: str, file: BatchFile, model: Model) -> float:
    """The seconds of one run, on the core and with the threads that a worker has.

    The blob is `CONTAINER/<name of the file>`. Raises BenchError.
    """
    command = ["taskset", "-c", str(SERVER_CORE), sys.executable, "-m", "bench.batch_script"]
    completed = subprocess.run(
        [*command, connection, file.path.name, file.form, str(model.file)],
        env={"PYTHONPATH": str(ROOT), **ONE_THREAD},
        capture_output=True,
        text=True,
        check=False,
        timeout=SCRIPT_S,
    )
    if completed.returncode:
        raise BenchError(f"the script failed: {completed.stderr.strip().rpartition('\n')[2]}")
    return float(json.loads(completed.stdout))


def main(connection: str, name: str, form: Format, model_file: str) -> None:
    model = joblib.load(model_file)
    with BlobServiceClient.from_connection_string(connection) as storage:
        container = storage.get_container_client(CONTAINER)
        began = time.perf_counter()
        content = container.download_blob(name).readall()
        frame = batch_formats.read(form, content)
        frame["prediction"] = model.predict(frame.to_numpy())
        container.upload_blob(f"scored-{name}", batch_formats.written(form, frame), overwrite=True)
        print(json.dumps(time.perf_counter() - began))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4])  # type: ignore[arg-type]
