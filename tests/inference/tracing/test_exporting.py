"""Which settings turn traces on, and what is said where they can't be exported."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from inference.tracing import exporting, spans
from tests.servers import free_port

ROOT = Path(__file__).resolve().parents[3]
ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}


def run(code: str, env: dict[str, str]) -> tuple[str, str]:
    """What a process prints that imports the app, on stdout and stderr."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **env},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout.strip(), done.stderr


@pytest.mark.parametrize(
    "env",
    [
        {},
        {**ENDPOINT, "OTEL_SDK_DISABLED": "true"},
        {**ENDPOINT, "OTEL_TRACES_EXPORTER": "none"},
        {"APPLICATIONINSIGHTS_CONNECTION_STRING": "InstrumentationKey=0"},
    ],
)
def test_traces_are_off_unless_they_are_asked_for(
    env: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    exporting.configure(env)
    assert spans.recorder is None
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("env", "said"),
    [
        (
            {**ENDPOINT, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
            "no traces: OTEL_EXPORTER_OTLP_PROTOCOL: expected http/protobuf, got grpc",
        ),
        (
            {"OTEL_TRACES_EXPORTER": "zipkin"},
            "no traces: OTEL_TRACES_EXPORTER: expected otlp, got zipkin",
        ),
        (
            {"PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY": "true"},
            "no traces: the worker did not set up Azure Monitor (its log says why)",
        ),
    ],
)
def test_what_is_not_supported_is_one_sentence_and_no_failure(
    env: dict[str, str], said: str, caplog: pytest.LogCaptureFixture
) -> None:
    exporting.configure(env)
    assert spans.recorder is None
    assert [each.getMessage() for each in caplog.records] == [said]
    assert caplog.records[0].levelno == logging.WARNING


@pytest.mark.parametrize("missing", [exporting.SDK, exporting.OTLP])
def test_a_missing_package_is_one_sentence_and_no_failure(
    missing: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(exporting, "_is_installed", lambda module: module != missing)
    exporting.configure(ENDPOINT)
    assert spans.recorder is None
    (record,) = caplog.records
    assert record.getMessage().startswith("no traces: the package opentelemetry-")
    assert "docs/tracing.md" in record.getMessage()


def test_an_app_without_traces_imports_nothing_for_them() -> None:
    code = "import sys, function_app; print(any('opentelemetry' in name for name in sys.modules))"
    assert run(code, {})[0] == "False"


def test_the_exporter_is_imported_after_the_start() -> None:
    code = (
        "import sys, function_app\n"
        "from inference.tracing import spans\n"
        "print(spans.recorder is not None, 'requests' in sys.modules)"
    )
    assert run(code, ENDPOINT)[0] == "True False"


def test_a_collector_that_is_away_is_reported_once_and_stops_nothing() -> None:
    # The port has no listener: a connection is refused.
    code = """
import asyncio, logging, time
logging.basicConfig(format="%(message)s")
import os
from inference.tracing import exporting, spans
exporting.configure(os.environ)
for _ in range(3):
    with spans.span("a", {}):
        pass
    time.sleep(0.2)
began = time.monotonic()
asyncio.run(exporting.close())
print(time.monotonic() - began < exporting.FLUSH_S + 1)
"""
    env = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{free_port()}",
        "OTEL_BSP_SCHEDULE_DELAY": "50",
        "OTEL_EXPORTER_OTLP_TIMEOUT": "0.1",
    }
    began = time.monotonic()
    printed, logged = run(code, env)
    assert printed == "True"
    assert logged.splitlines() == [
        "the collector does not take spans, which are dropped until it does"
    ]
    assert time.monotonic() - began < 15


def test_closing_without_traces_does_nothing() -> None:
    asyncio.run(exporting.close())
