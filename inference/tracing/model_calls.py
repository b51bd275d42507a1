"""Spans of the model's calls: how long rows waited for one, and the call itself.

Each request has both in its own trace, though a call may serve several requests. Then the first
one's call is linked to all other requests, and theirs to it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, Span

from inference.tracing import propagation
from inference.tracing.span_errors import mark_failed
from inference.tracing.spans import Attributes


class WaitSpan(NamedTuple):
    """A wait for the model, and the context in which the request began it."""

    span: Span
    context: Context

    def end(self, at_ns: int | None = None) -> None:
        """Does nothing if it has ended."""
        if self.span.is_recording():
            self.span.end(at_ns)


class Begin(Protocol):
    """Begins a span, which its caller ends: Recorder.begin."""

    def __call__(
        self,
        name: str,
        context: Context | None = None,
        *,
        attributes: Attributes | None = None,
        links: Sequence[Link] = (),
        start_ns: int | None = None,
    ) -> Span: ...


class ModelCalls:
    def __init__(self, begin: Begin) -> None:
        self._begin = begin

    def begin_wait(self) -> WaitSpan:
        return WaitSpan(self._begin("wait for the model"), contexts.get_current())

    def traced[T](
        self, call: Callable[[], T], waits: Sequence[WaitSpan], *, rows: int
    ) -> Callable[[], T]:
        """The call, with its spans. It may run in another thread. Spans of a script are below."""

        def run() -> T:
            now = time.time_ns()
            for wait in waits:
                wait.end(now)
            spans = self._begin_calls(waits, rows, now)
            token = contexts.attach(trace.set_span_in_context(spans[0], waits[0].context))
            try:
                return call()
            except BaseException as error:
                for span in spans:
                    mark_failed(span, error)
                raise
            finally:
                contexts.detach(token)
                for span in spans:
                    span.end()

        return run

    def _begin_calls(self, waits: Sequence[WaitSpan], rows: int, now: int) -> list[Span]:
        attributes = {"triscore.batch.rows": rows, "triscore.batch.requests": len(waits)}
        others = [propagation.span_context(wait.context) for wait in waits[1:]]
        links = [Link(each) for each in others if each.is_valid]
        first = self._begin(
            "predict", waits[0].context, attributes=attributes, links=links, start_ns=now
        )
        to_first = [Link(first.get_span_context())]
        return [
            first,
            *(
                self._begin(
                    "predict", each.context, attributes=attributes, links=to_first, start_ns=now
                )
                for each in waits[1:]
            ),
        ]
