"""The SDKs' lines about each call stay out of the log, in Azure as on one machine."""

import logging
import subprocess
import sys
from pathlib import Path

import pytest

from triggers.connections import validation
from triggers.storage.blob_names import Place
from triggers.storage.storage_clients import BlobStorage

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def unset():
    """The SDKs' loggers as a fresh process has them, and again as they were in the end."""
    loggers = [logging.getLogger(name) for name in validation.SDK_LOGGERS]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.NOTSET)
    yield
    for logger, level in zip(loggers, before, strict=True):
        logger.setLevel(level)


def call(azurite):
    storage = BlobStorage({"ScoringStorage": azurite.connection_string})
    blob = storage.blob(Place("ScoringStorage", "quiet", "a.csv"))
    container = storage.container(Place("ScoringStorage", "quiet", ""))
    if not container.exists():
        container.create_container()
    blob.upload_blob(b"1,2\n", overwrite=True)
    blob.download_blob().readall()


def of_the_sdks(caplog):
    return [record for record in caplog.records if record.name.startswith(("azure.", "msal"))]


def test_no_call_of_the_storage_sdk_leaves_a_line_in_the_log(azurite, caplog, unset):
    caplog.set_level(logging.INFO)
    call(azurite)
    assert len(of_the_sdks(caplog)) > 4  # what Azure's log would have of it
    caplog.clear()
    validation.quiet_sdk_loggers()
    call(azurite)
    assert of_the_sdks(caplog) == []


def test_their_warnings_are_still_logged(caplog, unset):
    validation.quiet_sdk_loggers()
    logging.getLogger("azure.storage.blob").warning("it is slow")
    assert [record.message for record in of_the_sdks(caplog)] == ["it is slow"]


def test_a_level_that_somebody_gave_is_kept(unset):
    logging.getLogger("azure.servicebus").setLevel(logging.CRITICAL)
    validation.quiet_sdk_loggers()
    assert logging.getLogger("azure.servicebus").level == logging.CRITICAL


def test_the_app_silences_them_without_importing_them():
    code = (
        "import logging, sys; logging.basicConfig(level=logging.INFO); import function_app;"
        "name = 'azure.core.pipeline.policies.http_logging_policy';"
        "print(logging.getLogger(name).isEnabledFor(logging.INFO), 'azure.storage' in sys.modules)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert ran.stdout.split() == ["False", "False"]
