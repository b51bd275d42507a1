"""Lines about each call of the SDKs and of Azure's worker stay out of the log."""

import logging
import subprocess
import sys
from pathlib import Path

import pytest
from azure_functions_runtime import logging as runtime_logging

from triggers import log_levels
from triggers.storage.blob_names import Place
from triggers.storage.storage_clients import BlobStorage

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def unset():
    """The loggers as a fresh process has them, and again as they were in the end."""
    loggers = [
        logging.getLogger(name) for name in (*log_levels.SDK_LOGGERS, *log_levels.WORKER_LOGGERS)
    ]
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
    log_levels.quiet_loggers({})
    call(azurite)
    assert of_the_sdks(caplog) == []


def test_their_warnings_are_still_logged(caplog, unset):
    log_levels.quiet_loggers({})
    logging.getLogger("azure.storage.blob").warning("it is slow")
    assert [record.message for record in of_the_sdks(caplog)] == ["it is slow"]


def test_a_level_that_somebody_gave_is_kept(unset):
    logging.getLogger("azure.servicebus").setLevel(logging.CRITICAL)
    log_levels.quiet_loggers({})
    assert logging.getLogger("azure.servicebus").level == logging.CRITICAL


@pytest.mark.parametrize("name", log_levels.WORKER_LOGGERS)
def test_the_workers_lines_about_each_call_are_not_logged_but_its_warnings_are(unset, name):
    logger = logging.getLogger(name)
    logger.setLevel(logging.INFO)  # as the worker does
    log_levels.quiet_loggers({})
    assert not logger.isEnabledFor(logging.INFO)
    assert logger.isEnabledFor(logging.WARNING)


def test_the_workers_own_setting_for_debugging_keeps_its_lines(unset):
    logging.getLogger("proxy_worker").setLevel(logging.INFO)
    log_levels.quiet_loggers({"PYTHON_ENABLE_DEBUG_LOGGING": "1"})
    assert logging.getLogger("proxy_worker").isEnabledFor(logging.INFO)
    assert not logging.getLogger("azure.storage").isEnabledFor(logging.INFO)


def test_the_library_that_calls_functions_has_the_logger_that_is_silenced():
    assert runtime_logging.logger.name in log_levels.WORKER_LOGGERS


def test_the_app_silences_them_without_importing_them():
    code = (
        "import logging, sys; logging.basicConfig(level=logging.INFO); import function_app;"
        "names = 'azure.core.pipeline.policies.http_logging_policy', 'proxy_worker';"
        "print(*(logging.getLogger(name).isEnabledFor(logging.INFO) for name in names));"
        "print('azure.storage' in sys.modules)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert ran.stdout.split() == ["False", "False", "False"]
