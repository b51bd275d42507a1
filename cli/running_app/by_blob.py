"""Scores a file of any size by a blob. Its predictions and its report are two other blobs."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from azure.core.exceptions import AzureError, ResourceExistsError, ResourceNotFoundError
from azure.storage.blob import BlobServiceClient, ContainerClient, ContentSettings

from cli.running_app.submission import WAITING, Connections, Outcome, Submission, unusable
from deploy import connections
from triggers.blob_trigger.blob_output import REPORT, output_name
from triggers.settings import STORAGE
from triscore_client import AppUnavailable, ClientError, ResultPending

#: Seconds between two looks for the report.
POLL_S = 0.5


def score(submission: Submission, app: Connections) -> Outcome:
    """Raises UsageError, deploy.errors.Refused."""
    inputs, _, pattern = app.triggers.input_blob_path.partition("/")
    name = pattern.replace("{name}", submission.blob_name)
    upload(submission, app, inputs, name)
    with _reaching_storage():
        outputs = _account(app).get_container_client(app.triggers.output_container)
        with submission.left_with_its_id():
            report = _wait(submission, outputs, name + REPORT)
        output = None
        if report["status"] == "succeeded":
            usual = f"{outputs.container_name}/{output_name(name)}"
            place = report.get("output") or usual
            # One in another format than the input has the ending of that behind its name.
            output = submission.place_for(place.removeprefix(usual))
            _download(submission, outputs, place.partition("/")[2], output)
    return Outcome.of_document(submission.id, report, output)


def upload(submission: Submission, app: Connections, container: str, name: str) -> None:
    """Write the file to a blob, whose container is made if needed. Raises UsageError, Refused."""
    rows, size = submission.rows, submission.rows.size

    def show(done: int, _: object) -> None:
        submission.report("uploading", done / size if size else 1.0)

    with _reaching_storage():
        target = _account(app).get_container_client(container)
        with contextlib.suppress(ResourceExistsError):
            target.create_container()
        with rows.open() as content:
            target.upload_blob(
                name,
                content,
                length=size,
                metadata={"request_id": submission.id},
                content_settings=ContentSettings(content_type=rows.content_type),
                progress_hook=show,
            )


def _account(app: Connections) -> BlobServiceClient:
    return connections.blobs(app.env, STORAGE)


@contextlib.contextmanager
def _reaching_storage() -> Iterator[None]:
    try:
        yield
    except AzureError as error:
        raise unusable("storage", STORAGE, error) from error


def _wait(submission: Submission, outputs: ContainerClient, name: str) -> dict[str, Any]:
    """The report, however long it takes."""
    while True:
        try:
            report: dict[str, Any] = json.loads(outputs.download_blob(name).readall())
        except ResourceNotFoundError:
            _show_progress(submission)
            time.sleep(POLL_S)
        else:
            return report


def _download(submission: Submission, outputs: ContainerClient, name: str, output: Path) -> None:
    def show(done: int, size: int | None) -> None:
        submission.report("downloading", done / size if size else 1.0)

    with submission.written(output) as target, target.open("wb") as file:
        outputs.download_blob(name, progress_hook=show).readinto(file)


def _show_progress(submission: Submission) -> None:
    try:
        submission.client.result(submission.id, 0)
    except ResultPending as error:
        submission.report("scoring", *format_progress(error.progress))
    except AppUnavailable as error:
        submission.report(WAITING, None, str(error))
    except ClientError:  # the app may have no HTTP trigger
        submission.report("scoring", None)


def format_progress(running: Mapping[str, Any]) -> tuple[float | None, str]:
    """The share and the details of a job's progress, as /api/results/{id} has them."""
    details = []
    if running.get("rows"):
        details += [f"{running['rows']:,} rows", f"{running['rows_per_s']:,.0f}/s"]
    if failed := running.get("failed"):
        details.append(f"{failed:,} failed")
    if (left_s := running.get("seconds_left")) is not None:
        details.append(f"{int(left_s) // 60}:{int(left_s) % 60:02} left")
    return running.get("share"), ", ".join(details)
