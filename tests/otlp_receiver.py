"""A collector for tests: takes spans by OTLP over HTTP, and decodes them as OpenTelemetry does."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from local.emulators.ports import HOST
from tests.servers import free_port
from tests.waiting import eventually


@dataclass(frozen=True)
class ReceivedSpan:
    """A span, its ids as hex."""

    name: str
    #: As in the protocol: 1 internal, 2 server, 3 client, 4 producer, 5 consumer.
    kind: int
    trace_id: str
    span_id: str
    parent_id: str
    state: str
    attributes: dict[str, Any]
    #: Trace and span ids.
    links: tuple[tuple[str, str], ...]
    is_error: bool
    message: str
    #: Of the process: service.name and others.
    resource: dict[str, Any]


class OtlpReceiver:
    """Ends with its `with` block. `status` is what it answers."""

    def __init__(self, status: int = 200) -> None:
        self.status = status
        self.spans: list[ReceivedSpan] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if receiver.status == 200:
                    assert self.path == "/v1/traces", self.path
                    receiver.spans += _decode(body)
                self.send_response(receiver.status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *args: object) -> None: ...

        self._server = ThreadingHTTPServer((HOST, free_port()), Handler)
        self.url = f"http://{HOST}:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    @property
    def settings(self) -> dict[str, str]:
        """What makes an app export to it, soon after each span."""
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": self.url, "OTEL_BSP_SCHEDULE_DELAY": "100"}

    def of_trace(self, trace_id: str) -> list[ReceivedSpan]:
        return [span for span in self.spans if span.trace_id == trace_id]

    def wait_for(
        self, trace_id: str, *names: str, matching: Callable[[ReceivedSpan], bool] = lambda _: True
    ) -> list[ReceivedSpan]:
        """The first span of each name in a trace, once all have come."""

        def found() -> list[ReceivedSpan] | None:
            of = {each.name: each for each in reversed(self.of_trace(trace_id)) if matching(each)}
            return [of[name] for name in names] if of.keys() >= set(names) else None

        try:
            spans: list[ReceivedSpan] = eventually(found, 30)
        except AssertionError:
            raise AssertionError([each.name for each in self.of_trace(trace_id)]) from None
        return spans


def _decode(body: bytes) -> Sequence[ReceivedSpan]:
    return [
        ReceivedSpan(
            name=span.name,
            kind=span.kind,
            trace_id=span.trace_id.hex(),
            span_id=span.span_id.hex(),
            parent_id=span.parent_span_id.hex(),
            state=span.trace_state,
            attributes=_values(span.attributes),
            links=tuple((each.trace_id.hex(), each.span_id.hex()) for each in span.links),
            is_error=span.status.code == 2,
            message=span.status.message,
            resource=_values(resource.resource.attributes),
        )
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def _values(attributes: Any) -> dict[str, Any]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in attributes}
