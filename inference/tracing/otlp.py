"""Exports spans by OTLP over HTTP, in a thread of its own. Imports the OpenTelemetry SDK.

A collector that is away costs its spans and nothing else: requests never wait for it. The queue of
spans is bounded by OTEL_BSP_MAX_QUEUE_SIZE.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from opentelemetry.sdk.environment_variables import OTEL_RESOURCE_ATTRIBUTES, OTEL_SERVICE_NAME
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

log = logging.getLogger(__name__)

#: The name of a function app in Azure.
SITE = "WEBSITE_SITE_NAME"
#: It logs each attempt.
_EXPORTER_LOG = "opentelemetry.exporter.otlp.proto.http.trace_exporter"


def resource(env: Mapping[str, str]) -> Resource:
    """What all spans say of this process: `service.name` above all.

    It is OTEL_SERVICE_NAME, else the function app's name, else `triscore`.
    """
    named = env.get(OTEL_SERVICE_NAME) or "service.name=" in env.get(OTEL_RESOURCE_ATTRIBUTES, "")
    return Resource.create({} if named else {"service.name": env.get(SITE) or "triscore"})


def processor() -> BatchSpanProcessor:
    return BatchSpanProcessor(Exporter())


class Exporter(SpanExporter):
    """Made and imported when the first spans are exported, so that no start waits for it.

    Logs once that the collector is away, and once that it is back.
    """

    def __init__(self) -> None:
        self._exporter: SpanExporter | None = None
        self._is_failing = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        if self._exporter is None:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415
                OTLPSpanExporter,
            )

            logging.getLogger(_EXPORTER_LOG).setLevel(logging.CRITICAL)
            self._exporter = OTLPSpanExporter()
        result = self._exporter.export(spans)
        if (result is not SpanExportResult.SUCCESS) != self._is_failing:
            self._is_failing = not self._is_failing
            if self._is_failing:
                log.warning("the collector does not take spans, which are dropped until it does")
            else:
                log.warning("the collector takes spans again")
        return result

    def shutdown(self) -> None:
        if self._exporter is not None:
            self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:  # noqa: ARG002 - the SDK's shape
        return True
