"""Scores a blob as a data scientist's script does: download, read, predict once, write, upload.

`python -m bench.batch_script CONNECTION FILE FORMAT MODEL`: prints the seconds between its start
and its end, imports and the model's loading apart.
"""

from __future__ import annotations

import json
import sys
import time

import joblib
from azure.storage.blob import BlobServiceClient

from bench import batch_formats, own_process
from bench.batch_files import BatchFile, Format
from bench.models import Model

CONTAINER = "script-batch"
SCRIPT_S = 1800.0


def run(connection: str, file: BatchFile, model: Model) -> float:
    """The seconds of one run, on the core and with the threads that a worker has.

    The blob is `CONTAINER/<name of the file>`. Raises BenchError.
    """
    arguments = (connection, file.path.name, file.form, str(model.file))
    return float(
        own_process.run(
            *("bench.batch_script", *arguments), timeout_s=SCRIPT_S, failed="the script failed"
        )
    )


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
